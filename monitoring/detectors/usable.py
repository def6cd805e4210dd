"""Which images show nothing, or nothing like what the model was judged on: blank, corrupt, not a film.

A drift can be looked into next week; a model that answers about noise should stop today. The limit lies so far
outside the reference that no scanner's look reaches it: measured on simulated and on real radiographs, a new
scanner lies at up to 2.4 times the reference's largest distance, and inverted films no further, so that those two
are told by the drift of image and embedding and not here.
"""

from __future__ import annotations

import numpy as np

from monitoring.detectors.wording import percent
from monitoring.findings import Finding, Grade
from monitoring.sides import Side
from radloop.intervals import proportion_interval
from radloop.params import UseCase
from radloop.records import STATISTICS

#: An image is unlike the reference beyond so many times the largest distance in it.
FAR = 4.0
#: Reference images per dimension that a covariance needs.
ROWS_PER_DIMENSION = 5


def detect_unusable(reference: Side, window: Side, case: UseCase) -> list[Finding]:
    """The share of unusable images, an alarm where it credibly exceeds the knob, and of unfamiliar ones, a note.

    Unusable is an image that shows nothing (contrast below validate.constant_below) or lies beyond `FAR` times
    the reference's largest Mahalanobis distance in image statistics and embedding; unfamiliar is what lies beyond
    that distance itself.
    """
    if window.n == 0:
        return []
    bad = blank(window, case.validate_.constant_below) | unlike(reference, window, FAR)
    outside = float(unlike(reference, window, 1.0).mean())
    interval = proportion_interval(bad, window.rows["patient"].to_numpy())
    share, low = float(bad.mean()), interval.low if interval.low is not None else 0.0
    alarm = low > case.monitor.unusable_share
    what = f"{percent(share)} of images are blank or nothing like a film that the model was judged on"
    beyond = f"{percent(outside)} of images lie further out than any of the reference"
    grade: Grade = "note" if outside > case.monitor.unusable_share else "same"
    return [
        Finding("image", "unusable images", "unusable", what, round(share, 4), "alarm" if alarm else "same"),
        Finding("image", "unfamiliar images", "unfamiliar", beyond, round(outside, 4), grade),
    ]


def blank(side: Side, constant_below: float) -> np.ndarray:
    """True for images whose contrast (8-bit standard deviation) shows nothing, bool [n]."""
    return side.rows["image_std"].to_numpy() * 255.0 < constant_below


def unlike(reference: Side, window: Side, far: float) -> np.ndarray:
    """True for images beyond `far` times the reference's largest distance, bool [n].

    False throughout where the reference is too small to tell.
    """
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
    limit = far * _distance(left, precision).max()
    return np.asarray(_distance((seen[:, used] - centre) / scale[used], precision) > limit)


def _described(side: Side) -> np.ndarray:
    statistics = side.rows[list(STATISTICS)].to_numpy(dtype=float)
    middle = np.nanmedian(statistics, axis=0) if len(statistics) and np.isfinite(statistics).any() else 0.0
    filled = np.where(np.isfinite(statistics), statistics, np.nan_to_num(middle))
    return np.hstack([filled, side.embeddings])


def _distance(values: np.ndarray, precision: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.einsum("ij,jk,ik->i", values, precision, values)))
