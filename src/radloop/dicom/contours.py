"""Polygons to pixels and back, in one plane and in pixel indices (i along a row, j down a column).

One rule both ways: a pixel belongs to a shape where its centre, the whole number, lies inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

#: From corner to corner with the mask on the left: which pixel side runs where, in corners around the pixel (0, 0).
_SIDES = (((0, 0), (1, 0)), ((1, 0), (1, 1)), ((1, 1), (0, 1)), ((0, 1), (0, 0)))
_NEIGHBOURS = ((0, -1), (1, 0), (0, 1), (-1, 0))
Corner = tuple[int, int]


def polygon_mask(polygons: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """The pixels whose centres lie inside an odd number of polygons, as bool [i, j] of `shape`.

    Odd-even, so that a polygon in a polygon is a hole, drawn apart or joined by a keyhole. A centre on a left or
    upper edge is in, on a right or lower one out: shapes that share an edge share no pixel. Each polygon is
    [n, 2] of indices and closes itself; parts outside `shape` count for nothing.
    """
    toggles = np.zeros((shape[0] + 1, shape[1]), np.uint8)  # it may wrap round: only odd or even counts
    for polygon in polygons:
        columns, rows = _crossings(polygon, shape[1])
        np.add.at(toggles, (np.clip(np.ceil(columns).astype(int), 0, shape[0]), rows), 1)
    return np.asarray(np.bitwise_xor.accumulate(toggles[:-1] & 1, axis=0).astype(bool))


def _crossings(polygon: np.ndarray, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the polygon's edges cross lines of pixel centres: i as float64 [n] and the line's j as int [n]."""
    ends = np.stack([polygon, np.roll(polygon, -1, axis=0)])
    upward = ends[0, :, 1] > ends[1, :, 1]
    (i0, j0), (i1, j1) = np.where(upward[:, None], ends[::-1], ends).transpose(0, 2, 1)
    first, behind = (np.clip(np.ceil(j), 0, height).astype(int) for j in (j0, j1))
    counts = behind - first
    edge = np.repeat(np.arange(len(counts)), counts)
    rows = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    return i0[edge] + (rows - j0[edge]) * ((i1 - i0)[edge] / (j1 - j0)[edge]), rows


def mask_polygons(mask: np.ndarray) -> list[np.ndarray]:
    """The outlines of a bool mask [i, j] along the sides of its pixels, each as float64 [n, 2] of indices.

    Along the sides, because then `polygon_mask` gives back exactly this mask and the area is that of its pixels.
    Holes are outlines of their own; pixels that touch by a corner alone are outlined apart.
    """
    following = _sides(mask)
    outlines = []
    while following:
        corner = next(iter(following))
        outlines.append(_corners_only(np.array(list(_walk(corner, following)), np.float64) - 0.5))
    return outlines


def _sides(mask: np.ndarray) -> dict[Corner, list[Corner]]:
    """Every side between inside and outside, as the corners that follow a corner."""
    padded = np.pad(mask, 1)
    inside = padded[1:-1, 1:-1]
    following: dict[Corner, list[Corner]] = {}
    for ((fi, fj), (ti, tj)), (ni, nj) in zip(_SIDES, _NEIGHBOURS, strict=True):
        beyond = padded[1 + ni : padded.shape[0] - 1 + ni, 1 + nj : padded.shape[1] - 1 + nj]
        for i, j in np.argwhere(inside & ~beyond).tolist():
            following.setdefault((i + fi, j + fj), []).append((i + ti, j + tj))
    return following


def _walk(start: Corner, following: dict[Corner, list[Corner]]) -> Iterator[Corner]:
    """From corner to corner until the start, each side used once; where two go on, the one that keeps to its pixel."""
    before, corner = start, start
    while True:
        yield corner
        choices = following[corner]
        onward = choices[0] if len(choices) == 1 else max(choices, key=lambda to: _turn(before, corner, to))
        choices.remove(onward)
        if not choices:
            del following[corner]
        before, corner = corner, onward
        if corner == start:
            return


def _turn(before: Corner, corner: Corner, to: Corner) -> int:
    return (corner[0] - before[0]) * (to[1] - corner[1]) - (corner[1] - before[1]) * (to[0] - corner[0])


def _corners_only(outline: np.ndarray) -> np.ndarray:
    """Without the points on straight lines, which make files large and say nothing."""
    here, ahead = outline - np.roll(outline, 1, axis=0), np.roll(outline, -1, axis=0) - outline
    return np.asarray(outline[here[:, 0] * ahead[:, 1] != here[:, 1] * ahead[:, 0]])
