"""Area-averaging resizing: every pixel of the film counts once, so that fine structure cannot alias."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from PIL import Image

from radloop.errors import StudyRejected

#: Longer side, in pixels, at which films of every detector are compared.
FILM_SIDE = 256
#: Side of the thumbnail that measures and fingerprints share.
THUMBNAIL = 64


def reduce_film(pixels: np.ndarray, side: int = FILM_SIDE) -> np.ndarray:
    """Shrink a film until its longer side is `side`, keeping its aspect, by averaging areas.

    A smaller film is returned at its own size, because enlarging invents nothing worth measuring.
    `pixels`: [H, W], any real type. Returns float32 [h, w] in the same units.
    Raises StudyRejected("not_greyscale") for other shapes and StudyRejected("empty_image") for no pixels.
    """
    if pixels.ndim != 2:
        raise StudyRejected("not_greyscale", f"the image has {pixels.ndim} axes, not 2.", "send one greyscale frame")
    if not pixels.size:
        raise StudyRejected("empty_image", "the image has no pixels.", "send the file again")
    height, width = pixels.shape
    film = np.ascontiguousarray(pixels, dtype=np.float32)
    longer = max(height, width)
    if longer <= side:
        return film
    return _area_average(film, max(1, round(height * side / longer)), max(1, round(width * side / longer)))


def shrink(pixels: np.ndarray) -> np.ndarray:
    """The film averaged to a square of 64 x 64, whatever its aspect: enough to recognise it, cheap to compare.

    `pixels`: [H, W]. Returns float32 [64, 64] in the same units. Raises StudyRejected for what is not one
    greyscale frame.
    """
    film = reduce_film(pixels)
    smaller = min(film.shape) >= THUMBNAIL
    how = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(film).resize((THUMBNAIL, THUMBNAIL), how), dtype=np.float32)


def fit_square(film: np.ndarray, size: int) -> np.ndarray:
    """Fit a film into a square without stretching it: the longer side fills, the shorter one is padded with 0.

    Padding loses no lung, where a centre crop would cut the costophrenic angles of a tall film.
    `film`: float32 [h, w]. Returns float32 [size, size].
    """
    height, width = film.shape
    longer = max(height, width)
    rows, columns = max(1, round(height * size / longer)), max(1, round(width * size / longer))
    fitted = film if (rows, columns) == film.shape else _resize(film, rows, columns)
    square = np.zeros((size, size), np.float32)
    top, left = (size - rows) // 2, (size - columns) // 2
    square[top : top + rows, left : left + columns] = fitted
    return square


def _resize(film: np.ndarray, rows: int, columns: int) -> np.ndarray:
    if rows < film.shape[0] or columns < film.shape[1]:
        return _area_average(film, rows, columns)
    return np.asarray(Image.fromarray(film).resize((columns, rows), Image.Resampling.BILINEAR))


def _area_average(film: np.ndarray, rows: int, columns: int) -> np.ndarray:
    narrow = _average_rows(film, rows)
    return np.ascontiguousarray(_average_rows(np.ascontiguousarray(narrow.T), columns).T)


def _average_rows(film: np.ndarray, rows: int) -> np.ndarray:
    """Exact area average of [h, w] to [rows, w]: whole rows are summed, those on an edge count by their share.

    Pillow's box filter takes or leaves a whole pixel, and BLAS may round differently with its thread count.
    """
    height = film.shape[0]
    if height % rows == 0:
        means: np.ndarray = film.reshape(rows, height // rows, -1).mean(axis=1)
        return means
    edges = np.arange(rows + 1) * (height / rows)
    first = np.minimum(np.floor(edges).astype(np.intp), height - 1)
    share = (edges - first).astype(np.float32)[:, None] * film[first]
    # reduceat is ten times as slow along this axis as a sum for each row
    sums = np.stack([film[start:stop].sum(axis=0) for start, stop in pairwise(first.tolist())])
    averaged: np.ndarray = (sums - share[:-1] + share[1:]) * np.float32(rows / height)
    return averaged
