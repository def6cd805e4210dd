"""The search of one picture for rows of glyphs, finer and again where text is usual; tesseract only keeps markers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from radloop.burned_in.boxes import Box, meet
from radloop.burned_in.candidates import FAINT, FILM, SCREEN, Row, rows_of_glyphs
from radloop.burned_in.markers import LONGEST, is_marker
from radloop.burned_in.tesseract import ONE_LINE, Line, read_lines

SURE = 70.0  # percent of tesseract's confidence from which a marker counts as read
READ_HEIGHT = 44  # pixels of a row as tesseract likes them
MOST_READ = 12  # rows; in a picture with more, none is kept as a marker
MARGIN = 12  # pixels of white around what tesseract reads
LARGEST_SHARE = 0.25  # of the picture that may be blanked
SMALLEST = 64  # pixels a side
PASSES = 3  # some lines are seen only when others are gone


@dataclass(frozen=True)
class Found:
    """Where text stands that may name somebody, and where markers stand that name nobody."""

    boxes: tuple[Box, ...]
    harmless: tuple[Box, ...]


class Unsure(Exception):
    """The picture cannot be called clean; the message says why."""


def search(stored: np.ndarray, whole: bool) -> Found:
    """Text in stored values [rows, columns] or [rows, columns, 3]: rows of glyphs, but for markers.

    Where `whole`, also the smallest letters of screens. Tesseract can keep a marker in the picture, never a name.
    Raises Unreadable where it is needed and cannot read.
    """
    rows = rows_of_glyphs(stored, SCREEN if whole else FILM)
    markers = _markers(rows)
    boxes = [row.box for row in rows if not any(_covers(marker, row.box) for marker in markers)]
    return Found(tuple(dict.fromkeys(boxes)), tuple(markers))


def blank(stored: np.ndarray, inverted: bool, whole: bool, regions: tuple[Box, ...] = ()) -> np.ndarray:
    """The picture with its text painted black; the very array that came where there is none.

    `inverted` says that high values are dark (MONOCHROME1); colour is red, green and blue. Where there are `regions`,
    all outside of them is painted first. Without, a `whole` search is repeated until nothing is found, and must leave
    nothing that even faintly looks like letters: in the speckle of a region something always does. Raises Unsure where
    text stays or covers too much, and Unreadable as `search` does.
    """
    black = stored.max() if inverted else stored.min()
    outside = ~_mask(stored, regions) if regions else np.zeros(stored.shape[:2], bool)
    clean = _painted(stored, outside, black)
    covered, certain = np.zeros_like(outside), whole and not regions
    for _ in range(PASSES):
        found = search(clean, whole)
        covered |= _mask(stored, found.boxes)
        if covered.sum() > LARGEST_SHARE * (~outside).sum():
            raise Unsure("text covers too much of the picture")
        clean = _painted(clean, covered, black)
        if not (certain and found.boxes):
            break
    else:
        raise Unsure("text is still there after it was blanked")
    if certain and min(clean.shape[:2]) < SMALLEST:
        raise Unsure("the picture is too small to be searched")
    if certain and _leaves_doubt(clean, found.harmless):
        raise Unsure("strokes that may be letters are left")
    return clean


def _mask(picture: np.ndarray, boxes: tuple[Box, ...]) -> np.ndarray:
    mask = np.zeros(picture.shape[:2], bool)
    for box in boxes:
        mask[box.top : box.bottom, box.left : box.right] = True
    return mask


def _painted(picture: np.ndarray, where: np.ndarray, black: np.generic) -> np.ndarray:
    if not where.any():
        return picture
    clean = picture.copy()
    clean[where] = black
    return clean


def _leaves_doubt(picture: np.ndarray, markers: tuple[Box, ...]) -> bool:
    """Whether anything even faintly looks like letters."""
    rows = rows_of_glyphs(picture, FAINT)
    return any(not any(_covers(marker, row.box) for marker in markers) for row in rows)


def _markers(rows: list[Row]) -> list[Box]:
    """Boxes of rows that say a marker and nothing else: as many letters were read as there are glyphs."""
    short = [row for row in rows if row.upright and row.glyphs <= LONGEST]
    if len(rows) > MOST_READ or not short:
        return []
    found = []
    for line in read_lines([_page(row.ink) for row in short], ONE_LINE):
        row = short[line.page]
        if line.confidence >= SURE and is_marker(line.words) and _letters(line) >= row.glyphs:
            found.append(row.box)
    return found


def _covers(marker: Box, box: Box) -> bool:
    """Whether a row is the marker, seen at another scale, and no longer than it."""
    slack = (marker.bottom - marker.top) // 2
    wide = box.left >= marker.left - slack and box.right <= marker.right + slack
    return wide and meet(marker, box) and box.bottom - box.top <= 2 * (marker.bottom - marker.top)


def _letters(line: Line) -> int:
    return sum(map(str.isalnum, "".join(line.words)))


def _page(ink: np.ndarray) -> np.ndarray:
    """A row's ink, black on white, enlarged or reduced to letters that tesseract likes."""
    scale = READ_HEIGHT / ink.shape[0]
    size = (max(1, round(ink.shape[1] * scale)), READ_HEIGHT)
    picture = Image.fromarray(np.where(ink, 0, 255).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    return np.pad(np.asarray(picture), MARGIN, constant_values=255)
