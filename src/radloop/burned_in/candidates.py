"""Where text stands: glyph-like pieces in a row, told from anatomy by their strokes, read or not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.sparse.csgraph import connected_components

from radloop.burned_in.boxes import Box, grown

SCALES = (1, 2, 4)  # large letters have thin strokes when seen from afar
LARGEST = 1_200_000  # pixels that are searched; a larger film is halved, thirded ... first
THICKEST = 7  # pixels; what is wider in both directions is background
TILE = 32  # pixels a side over which noise is alike
FEWEST_TILES = 4  # along a side; on less, ribs look like letters
NOISE = 4.0  # spreads of a tile's strokes from which one stands out
FAINTEST = 14.0  # of 255: weaker strokes are not looked for
GLYPH = (5, 30)  # pixels high, at the scale at which it is seen
WIDEST = 4.0  # times its height: letters that touch
FEWEST = 3  # glyphs in a row
FEWEST_STROKES = 4.5  # that a line across a row's middle cuts: letters have more than ribs and vessels
SHORTEST_ROW = 2.0  # times its height
LEAST_INK = 0.18  # of a row's box
MOST_GLYPHS = 2000  # at one scale; a picture with more is noise, and the clearest count


class Row(NamedTuple):
    """Glyphs in a row: their box in the picture, their number, and their ink as they were seen."""

    box: Box
    glyphs: int
    ink: np.ndarray


def rendered(stored: np.ndarray) -> np.ndarray:
    """Stored values [rows, columns] as 8 bits, 0.2 % at either end clipped: one hot pixel darkens none."""
    return np.asarray(np.clip(_scaled(stored), 0, 255), np.uint8)


def _scaled(stored: np.ndarray) -> np.ndarray:
    sample = stored[:: max(1, stored.shape[0] // 256), :: max(1, stored.shape[1] // 256)]
    low, high = (float(value) for value in np.percentile(sample, (0.2, 99.8)))
    if high <= low:
        low, high = float(stored.min()), max(float(stored.max()), float(stored.min()) + 1)
    return np.asarray((stored.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low)))


def rows_of_glyphs(stored: np.ndarray) -> list[Row]:
    """Rows of glyphs in stored values [rows, columns], at all scales and in both polarities."""
    least = max(1, int(np.ceil((stored.size / LARGEST) ** 0.5)))
    picture = np.clip(_scaled(stored), -255, 510)
    found: list[Row] = []
    for scale in SCALES:
        small = _reduced(picture, scale * least)
        if min(small.shape) < FEWEST_TILES * TILE:
            continue
        for sign in (1, -1):
            found += _rows(small * sign, scale * least, stored.shape)
    return found


def _reduced(picture: np.ndarray, by: int) -> np.ndarray:
    rows, columns = (side // by for side in picture.shape)
    if by == 1:
        return picture
    return np.asarray(
        picture[: rows * by, : columns * by].reshape(rows, by, columns, by).mean(axis=(1, 3), dtype=np.float32)
    )


def _rows(small: np.ndarray, scale: int, shape: tuple[int, ...]) -> list[Row]:
    strokes = _strokes(small)
    labels, _ = ndimage.label(strokes, np.ones((3, 3)))
    glyphs = _glyphs(labels)
    if len(glyphs) < FEWEST:
        return []
    number, member = connected_components(_beside(glyphs[:, 1:]), directed=False)
    counts = np.bincount(member, minlength=number)
    rows = [_row(glyphs[member == row], labels, scale, shape) for row in np.flatnonzero(counts >= FEWEST)]
    return [row for row in rows if _is_written(row.ink)]


def _strokes(small: np.ndarray) -> np.ndarray:
    """Where bright strokes stand out of what lies behind them and of the noise around."""
    smooth = ndimage.gaussian_filter(small, 0.6)
    hat = smooth - ndimage.grey_opening(smooth, (THICKEST, THICKEST))
    rows, columns = (side // TILE for side in hat.shape)
    tiles = hat[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE).swapaxes(1, 2)
    tiles = tiles.reshape(rows, columns, -1)[:, :, ::3]
    middle = np.median(tiles, axis=2)
    limit = middle + np.maximum(NOISE * (middle - np.percentile(tiles, 15, axis=2)), FAINTEST)
    wide = limit.repeat(TILE, 0).repeat(TILE, 1)
    wide = np.pad(wide, ((0, hat.shape[0] - wide.shape[0]), (0, hat.shape[1] - wide.shape[1])), mode="edge")
    return np.asarray(hat > ndimage.uniform_filter(wide, TILE))


def _glyphs(labels: np.ndarray) -> np.ndarray:
    """Pieces that may be letters: label, top, left, bottom, right of each [pieces, 5]."""
    places = ndimage.find_objects(labels)
    bounds = np.array([(at, y.start, x.start, y.stop, x.stop) for at, (y, x) in enumerate(places, 1)]).reshape(-1, 5)
    high, wide = bounds[:, 3] - bounds[:, 1], bounds[:, 4] - bounds[:, 2]
    area = np.bincount(labels.ravel(), minlength=len(bounds) + 1)[1:]
    right = (high >= GLYPH[0]) & (high <= GLYPH[1]) & (wide <= WIDEST * high) & (area >= 0.15 * high * wide)
    kept = np.flatnonzero(right)
    kept = np.sort(kept[np.argsort(-area[kept], kind="stable")][:MOST_GLYPHS])
    return bounds[kept]


def _beside(boxes: np.ndarray) -> np.ndarray:
    """Which glyphs stand beside which [glyphs, glyphs]: alike in height, on one line, less than a letter apart."""
    top, left, bottom, right = boxes.T[:, :, None]
    high = bottom - top
    taller, lower = np.maximum(high, high.T), np.minimum(high, high.T)
    shared = np.minimum(bottom, bottom.T) - np.maximum(top, top.T)
    gap = np.maximum(left, left.T) - np.minimum(right, right.T)
    line = np.minimum(np.abs(bottom - bottom.T), np.abs(top - top.T)) <= np.maximum(1, 0.15 * taller)
    return np.asarray(
        (taller <= 1.8 * lower) & (shared >= 0.6 * lower) & (gap <= 1.1 * taller) & (gap >= -0.3 * lower) & line
    )


def _is_written(ink: np.ndarray) -> bool:
    rows, columns = ink.shape
    cut = np.diff(ink.astype(np.int8), axis=1, prepend=0) == 1
    strokes = float(cut[rows // 5 : rows - rows // 5].sum(axis=1).mean())
    return strokes >= FEWEST_STROKES and columns >= SHORTEST_ROW * rows and float(ink.mean()) >= LEAST_INK


def _row(glyphs: np.ndarray, labels: np.ndarray, scale: int, shape: tuple[int, ...]) -> Row:
    top, left = glyphs[:, 1:3].min(0)
    bottom, right = glyphs[:, 3:].max(0)
    ink = np.isin(labels[top:bottom, left:right], glyphs[:, 0])
    high = float(np.median(glyphs[:, 3] - glyphs[:, 1]))
    box = Box(*(int(side) * scale for side in (top, left, bottom, right)))
    return Row(grown(box, scale + int(high * scale / 2), shape), len(glyphs), ink)
