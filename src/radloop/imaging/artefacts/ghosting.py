"""Ghosts on MR: motion that repeats draws the anatomy again, shifted along the phase-encoding axis."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter

from radloop.imaging.artefacts.scores import score, spread

#: Voxels of the blur that takes away what is not fine, because smooth anatomy is alike wherever it is put.
BLUR = 1.0
#: Shares of the field of view by which ghosts of 2, 3 and 4 lie apart.
GHOSTS = (2, 3, 4)
#: Shifts whose median is what anatomy has there.
NEIGHBOURS = 5
#: Likeness at a ghost's shift in standard deviations of other shifts: usual on clean volumes, and clear.
USUAL, CLEAR = 3.0, 7.0


def ghosting_score(image: np.ndarray) -> float:
    """How much more the image is like itself at a ghost's shift than at others: 0 to 1.

    Looked for along the first two axes, by a half, a third and a quarter of their length, which must be the whole
    field of view. Nothing corrects it: which part of a voxel is ghost is told by k-space, and that is not stored.
    `image`: magnitudes [h, w] or [i, j, k]. Short axes tell 0.
    """
    height = ghost_height(image)
    return 0.0 if height is None else score(height, USUAL, CLEAR)


def ghost_height(image: np.ndarray) -> float | None:
    """The largest likeness at a ghost's shift in standard deviations; None for less than 24 voxels an axis."""
    fine = np.asarray(image, np.float64)
    fine = fine - gaussian_filter(fine, BLUR, mode="nearest")
    limit = 4 * spread(fine)
    fine = np.clip(fine, -limit, limit)
    heights = [_height(fine, axis) for axis in (0, 1) if image.shape[axis] >= 24]
    return max(heights) if heights else None


def _height(fine: np.ndarray, axis: int) -> float:
    power = np.abs(np.fft.fft(fine, axis=axis)) ** 2
    total = power.sum(axis=tuple(a for a in range(fine.ndim) if a != axis))
    alike = np.fft.ifft(total).real / max(float(total.mean()), 1e-12)
    size = len(alike)
    above = alike - median_filter(alike, NEIGHBOURS, mode="wrap")
    others = np.arange(size // 8, size - size // 8)
    noise = spread(above[others])
    return max(float(above[_near(size, part)].max()) for part in GHOSTS) / noise


def _near(size: int, part: int) -> list[int]:
    """Shifts nearest to a part of the length, which need not be whole."""
    exact = size / part
    return sorted({int(np.floor(exact)), int(np.ceil(exact))})
