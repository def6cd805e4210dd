"""Where text stands: glyph-like pieces in a row, told from anatomy by their strokes, read or not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from radloop.burned_in.boxes import Box, grown
from radloop.burned_in.levels import drawn_levels
from radloop.burned_in.strokes import STEPS, TILE, Faintness, planes, resized, strokes

SCALES = (1, 2, 4)  # large letters have thin strokes when seen from afar
LARGE = 4_500_000  # pixels from which letters are so large that they are sought from farther too
FEWEST_TILES = 4  # along a side; on less, ribs look like letters
GLYPH = (5, 30)  # pixels high, at the scale at which it is seen
LEAST_LEVEL = 0.15  # of a line's height between two glyphs' feet or heads
WIDEST, WIDEST_JOINED = 4.0, 12.0  # times its height: a letter or two, and words whose letters touch
FEWEST = 3  # glyphs in a row
SHORTEST_ROW = 2.0  # times its height
MOST_GLYPHS = 4000  # at one scale; a picture with more is noise, and the clearest count


class Strictness(NamedTuple):
    """What makes a row of glyphs text: strokes this clear, this many across its middle, and this share of ink.

    Where `joined`, a long piece counts as letters that touch. `finely` looks for the smallest letters of screens too,
    which touch unless they are enlarged, and for letters of one grey level.
    """

    faintness: Faintness
    strokes: float
    ink: float
    joined: bool
    finely: bool


FILM = Strictness(Faintness(4.0, 14.0), 4.5, 0.18, False, False)  # letters cut a line more often than ribs and vessels
SCREEN = FILM._replace(joined=True, finely=True)  # on films whole words that touch look like ribs
FAINT = Strictness(Faintness(3.0, 10.0), 3.5, 0.18, False, True)  # what no picture that is called clean may still hold


class Row(NamedTuple):
    """Glyphs in a row: their box in the picture, their number, their ink as it was seen, and whether it runs upward."""

    box: Box
    glyphs: int
    ink: np.ndarray
    upright: bool


def rendered(stored: np.ndarray) -> np.ndarray:
    """Stored values as 8 bits [rows, columns], the brightest of their channels, hot pixels clipped."""
    return np.asarray(np.clip(planes(stored)[0] // STEPS, 0, 255), np.uint8)


def rows_of_glyphs(stored: np.ndarray, strictness: Strictness = FILM) -> list[Row]:
    """Rows of glyphs in stored values [rows, columns] or [rows, columns, 3].

    At all scales, in both polarities, from left to right and from top to bottom.
    """
    bright, dark = planes(stored)
    found: list[Row] = []
    for scale in (*((0.5,) if strictness.finely else ()), *SCALES, *((8,) if bright.size > LARGE else ())):
        light = resized(bright, scale)
        night = light if dark is bright else resized(dark, scale)
        if min(light.shape) < FEWEST_TILES * TILE:
            continue
        for drawn in strokes(light, night, strictness.faintness):
            found += _rows(drawn, scale, bright.shape, strictness)
    for drawn in drawn_levels(stored) if strictness.finely else ():
        for scale in (1, 2):
            found += _rows(drawn[::scale, ::scale], scale, bright.shape, strictness)
    return found


def _rows(drawn: np.ndarray, scale: float, shape: tuple[int, ...], strictness: Strictness) -> list[Row]:
    labels, _ = ndimage.label(drawn, np.ones((3, 3)))
    boxes = _pieces(labels)
    found, widest = [], WIDEST_JOINED if strictness.joined else WIDEST
    for upright in (True, False):
        seen = labels if upright else labels.T
        glyphs = _glyphs(boxes if upright else boxes[:, (0, 2, 1, 4, 3, 5)], widest)
        if not len(glyphs):
            continue
        number, member = _in_rows(glyphs[:, 1:5])
        counts = np.bincount(member, _letters(glyphs) if strictness.joined else None, minlength=number)
        for row in np.flatnonzero(counts >= FEWEST):
            box, ink = _seen(glyphs[member == row], seen)
            if _is_written(ink, strictness):
                found.append(_row(box, ink, int(counts[row]), upright, scale, shape))
    return found


def _pieces(labels: np.ndarray) -> np.ndarray:
    """Label, top, left, bottom, right and area of each piece [pieces, 6]."""
    places = np.flatnonzero(labels)
    if not len(places):
        return np.zeros((0, 6), int)
    of = labels.ravel()[places]
    order = np.argsort(of, kind="stable")
    of, (y, x) = of[order], np.divmod(places[order], labels.shape[1])
    first = np.flatnonzero(np.diff(of, prepend=0))
    area = np.diff(first, append=len(of))
    bottom, right = (np.maximum.reduceat(at, first) + 1 for at in (y, x))
    return np.stack((of[first], y[first], np.minimum.reduceat(x, first), bottom, right, area), axis=1)


def _glyphs(pieces: np.ndarray, widest: float) -> np.ndarray:
    """Pieces that may be letters."""
    high, wide, area = pieces[:, 3] - pieces[:, 1], pieces[:, 4] - pieces[:, 2], pieces[:, 5]
    right = (high >= GLYPH[0]) & (high <= GLYPH[1]) & (wide <= widest * high) & (area >= 0.15 * high * wide)
    kept = np.flatnonzero(right)
    return np.asarray(pieces[np.sort(kept[np.argsort(-area[kept], kind="stable")][:MOST_GLYPHS])])


def _letters(glyphs: np.ndarray) -> np.ndarray:
    """How many letters each piece may be."""
    return np.asarray(np.maximum(1, (glyphs[:, 4] - glyphs[:, 2]) // (glyphs[:, 3] - glyphs[:, 1])))


def _in_rows(boxes: np.ndarray) -> tuple[int, np.ndarray]:
    """Number of rows, and the row of each glyph [glyphs]."""
    slack = max(1.0, LEAST_LEVEL * GLYPH[1])
    pairs = np.concatenate([_alike(boxes[:, edge], slack) for edge in (0, 2)])
    pairs = pairs[_beside(boxes[pairs[:, 0]], boxes[pairs[:, 1]])]
    near = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(boxes), len(boxes)))
    number, member = connected_components(near, directed=False)
    return int(number), member


def _alike(values: np.ndarray, slack: float) -> np.ndarray:
    """Pairs [pairs, 2] of places whose values differ by no more than `slack`: all pairs would be too many."""
    order = np.argsort(values, kind="stable")
    sorted_ = values[order]
    ends = np.searchsorted(sorted_, sorted_ + slack, side="right")
    counts = ends - np.arange(len(order)) - 1
    one = np.repeat(np.arange(len(order)), counts)
    steps = np.arange(len(one)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.stack((order[one], order[one + 1 + steps]), axis=1)


def _beside(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which boxes [pairs, 4] stand side by side: alike in height, on a line, less than a letter apart."""
    (top, left, bottom, right), (top2, left2, bottom2, right2) = one.T, other.T
    high, high2 = bottom - top, bottom2 - top2
    taller, lower = np.maximum(high, high2), np.minimum(high, high2)
    shared = np.minimum(bottom, bottom2) - np.maximum(top, top2)
    gap = np.maximum(left, left2) - np.minimum(right, right2)
    level = np.minimum(np.abs(bottom - bottom2), np.abs(top - top2)) <= np.maximum(1, LEAST_LEVEL * taller)
    return np.asarray(
        (taller <= 1.8 * lower) & (shared >= 0.6 * lower) & (gap <= 1.1 * taller) & (gap >= -0.3 * lower) & level
    )


def _seen(glyphs: np.ndarray, labels: np.ndarray) -> tuple[Box, np.ndarray]:
    """The box of a row and its ink."""
    top, left = (int(side) for side in glyphs[:, 1:3].min(0))
    bottom, right = (int(side) for side in glyphs[:, 3:5].max(0))
    return Box(top, left, bottom, right), np.isin(labels[top:bottom, left:right], glyphs[:, 0])


def _is_written(ink: np.ndarray, strictness: Strictness) -> bool:
    rows, columns = ink.shape
    cut = np.diff(ink.astype(np.int8), axis=1, prepend=0) == 1
    crossed = float(cut[rows // 5 : rows - rows // 5].sum(axis=1).mean())
    return crossed >= strictness.strokes and columns >= SHORTEST_ROW * rows and float(ink.mean()) >= strictness.ink


def _row(box: Box, ink: np.ndarray, glyphs: int, upright: bool, scale: float, shape: tuple[int, ...]) -> Row:
    high = box.bottom - box.top
    if not upright:
        box = Box(box.left, box.top, box.right, box.bottom)
    place = Box(*(round(side * scale) for side in box))
    return Row(grown(place, int(scale + 0.5) + int(high * scale / 2), shape), glyphs, ink, upright)
