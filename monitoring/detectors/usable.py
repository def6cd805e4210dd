"""Which images show nothing, or nothing like what the model was judged on: blank, corrupt, not a film, a negative.

A drift can be looked into next week; a model that answers about noise should stop today. The limit lies so far
outside the reference that no scanner's look reaches it: measured on simulated and on real radiographs, a new
scanner lies at up to 2.4 times the reference's largest distance, and inverted films no further. So those have a
rule of their own, the one by which validation keeps them from the model.
"""

from __future__ import annotations

import numpy as np

from monitoring.detectors.wording import percent
from monitoring.findings import Finding, Grade
from monitoring.sides import Side
from radloop.intervals import proportion_interval
from radloop.params import Classification

#: An image is unlike the reference beyond so many times the largest distance in it.
FAR = 4.0
#: Statistics that span the distance: those with which `FAR` was measured. Inversion has a rule of its own.
SPANNED = (
    "image_mean", "image_std", "image_p01", "image_p99", "image_entropy", "image_sharpness", "image_noise",
)  # fmt: skip
#: Reference images per dimension that a covariance needs.
ROWS_PER_DIMENSION = 5


def detect_unusable(reference: Side, window: Side, case: Classification) -> list[Finding]:
    """The share of unusable images, an alarm where it credibly exceeds the knob, and of unfamiliar ones, a note.

    Unusable is an image that shows nothing (contrast below validate.constant_below), lies beyond `FAR` times the
    reference's largest Mahalanobis distance in image statistics and embedding, or is more of a negative than
    validate.inverted_above; unfamiliar is what lies beyond that distance itself.
    """
    if window.n == 0:
        return []
    empty = blank(window, case.validate_.constant_below) | unlike(reference, window, FAR)
    negative = inverted(window, case.validate_.inverted_above) & ~empty
    bad = empty | negative
    outside = float(unlike(reference, window, 1.0).mean())
    interval = proportion_interval(bad, window.rows["patient"].to_numpy())
    share, low = float(bad.mean()), interval.low if interval.low is not None else 0.0
    answer: Grade = "alarm" if low > case.monitor.unusable_share else "same"
    beyond = f"{percent(outside)} of images lie further out than any of the reference"
    grade: Grade = "note" if outside > case.monitor.unusable_share else "same"
    return [
        Finding("image", "unusable images", "unusable", _told(empty, negative), round(share, 4), answer),
        Finding("image", "unfamiliar images", "unfamiliar", beyond, round(outside, 4), grade),
    ]


def blank(side: Side, constant_below: float) -> np.ndarray:
    """True for images whose contrast (8-bit standard deviation) shows nothing, bool [n]."""
    return side.rows["image_std"].to_numpy() * 255.0 < constant_below


def inverted(side: Side, inverted_above: float) -> np.ndarray:
    """True for images that look like negatives, bool [n]; False where an older log did not measure it.

    A film turned by 90 or 180 degrees is undecided and scores about 0.5: about half of them are counted too.
    """
    return np.asarray(side.rows["image_inverted"].to_numpy(dtype=float) > inverted_above)


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


def _told(empty: np.ndarray, negative: np.ndarray) -> str:
    """What is wrong with the unusable images, each counted once."""
    nothing = f"{percent(float(empty.mean()))} of images are blank or nothing like a film that the model was judged on"
    shown = f"{percent(float(negative.mean()))} of images are inverted films, or turned ones"
    return " and ".join([nothing] * bool(empty.any() or not negative.any()) + [shown] * bool(negative.any()))


def _described(side: Side) -> np.ndarray:
    statistics = side.rows[list(SPANNED)].to_numpy(dtype=float)
    middle = np.nanmedian(statistics, axis=0) if len(statistics) and np.isfinite(statistics).any() else 0.0
    filled = np.where(np.isfinite(statistics), statistics, np.nan_to_num(middle))
    return np.hstack([filled, side.embeddings])


def _distance(values: np.ndarray, precision: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.einsum("ij,jk,ik->i", values, precision, values)))
