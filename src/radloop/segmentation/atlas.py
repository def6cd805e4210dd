"""The plain baseline of a segmenter: where structures lie on average, without looking at the image at all."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.ndimage import zoom

#: Cells along each axis into which every case is stretched.
SIDE = 32


def average_masks(masks: Iterable[np.ndarray], classes: int) -> np.ndarray:
    """The share of each class at each place, float32 [classes, SIDE, SIDE, SIDE], cases stretched to one box.

    `masks`: uint8 [i, j, k] of any shapes, the background being 0. Raises ValueError for no mask.
    """
    total, count = np.zeros((classes, SIDE, SIDE, SIDE)), 0
    for mask in masks:
        count += 1
        for number in range(classes):
            total[number] += stretched((mask == number).astype(np.float32), (SIDE, SIDE, SIDE))
    if not count:
        raise ValueError("no mask to average")
    return np.asarray(total / count, np.float32)


def atlas_scores(average: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The average as scores of a case of this shape, float32 [classes, i, j, k]."""
    return np.stack([stretched(share, shape) for share in average])


def stretched(field: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A field [i, j, k] over the same box in another number of cells, linear between them."""
    factors = [new / old for new, old in zip(shape, field.shape, strict=True)]
    return np.asarray(zoom(field, factors, order=1, mode="nearest", grid_mode=True), np.float32)
