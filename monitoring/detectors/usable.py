"""Which images are unlike anything that the model was judged on: blank, inverted, another body part.

A drift of means can be looked into next week; a model that answers about films which it has never seen the
like of should stop today. The limit is far outside the reference, so that a new scanner's look does not reach it.
"""

from __future__ import annotations

import numpy as np

from monitoring.detectors.wording import percent
from monitoring.findings import Finding
from monitoring.sides import Side
from radloop.intervals import proportion_interval
from radloop.params import UseCase
from radloop.records import STATISTICS

#: An image is unlike the reference beyond so many times the largest distance in it.
FAR = 2.0
#: Reference images per dimension that a covariance needs.
ROWS_PER_DIMENSION = 5


def detect_unusable(reference: Side, window: Side, case: UseCase) -> list[Finding]:
    """One finding on the share of unusable images; an alarm where it credibly exceeds the knob.

    Unusable is an image that shows nothing (contrast below validate.constant_below) or lies beyond `FAR` times
    the reference's largest Mahalanobis distance in image statistics and embedding.
    """
    if window.n == 0:
        return []
    bad = blank(window, case.validate_.constant_below) | unlike(reference, window)
    interval = proportion_interval(bad, window.rows["patient"].to_numpy())
    share, low = float(bad.mean()), interval.low if interval.low is not None else 0.0
    alarm = low > case.monitor.unusable_share
    what = f"{percent(share)} of images are blank or unlike any that the model was judged on"
    return [Finding("image", "unusable images", "unusable", what, round(share, 4), "alarm" if alarm else "same")]


def blank(side: Side, constant_below: float) -> np.ndarray:
    """True for images whose contrast (8-bit standard deviation) shows nothing, bool [n]."""
    return side.rows["image_std"].to_numpy() * 255.0 < constant_below


def unlike(reference: Side, window: Side) -> np.ndarray:
    """True for images far outside the reference, bool [n]; False throughout where it is too small to tell."""
    known, seen = _described(reference), _described(window)
    if known.shape[1] != seen.shape[1] or len(known) < 2:
        return np.zeros(len(seen), dtype=bool)
    scale = known.std(axis=0)
    used = scale > 1e-9
    if len(known) < ROWS_PER_DIMENSION * max(int(used.sum()), 1):
        return np.zeros(len(seen), dtype=bool)
    centre = known[:, used].mean(axis=0)
    left = (known[:, used] - centre) / scale[used]
    precision = np.linalg.inv(np.cov(left, rowvar=False).reshape(used.sum(), -1) + 0.05 * np.eye(int(used.sum())))
    limit = FAR * _distance(left, precision).max()
    return np.asarray(_distance((seen[:, used] - centre) / scale[used], precision) > limit)


def _described(side: Side) -> np.ndarray:
    statistics = side.rows[list(STATISTICS)].to_numpy(dtype=float)
    middle = np.nanmedian(statistics, axis=0) if len(statistics) and np.isfinite(statistics).any() else 0.0
    filled = np.where(np.isfinite(statistics), statistics, np.nan_to_num(middle))
    return np.hstack([filled, side.embeddings])


def _distance(values: np.ndarray, precision: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.einsum("ij,jk,ik->i", values, precision, values)))
