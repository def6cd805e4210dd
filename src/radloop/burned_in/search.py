"""The search of one picture: rows of glyphs in every film, and all that tesseract reads where text is usual."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from radloop.burned_in.boxes import Box, grown, meet
from radloop.burned_in.candidates import Row, rendered, rows_of_glyphs
from radloop.burned_in.markers import is_harmless, is_marker
from radloop.burned_in.tesseract import ONE_LINE, SPARSE, Line, read_lines

SURE = 50.0  # percent of tesseract's confidence from which a line counts as read
SURE_OF_MARKER = 70.0  # a marker stays in the picture, so it is read more strictly
READ_HEIGHT = 44  # pixels of a row as tesseract likes them
MOST_READ = 24  # rows; in a picture with more, none is kept as a marker
MARGIN = 12  # pixels of white around what tesseract reads
LARGEST_PAGE = 4_000_000  # pixels; a larger picture is read as it is or reduced
LARGEST_SHARE = 0.25  # of the picture that may be blanked
PASSES = 3  # tesseract sees some lines only when others are gone


@dataclass(frozen=True)
class Found:
    """Where text stands that may name somebody, and how many markers stand elsewhere."""

    boxes: tuple[Box, ...]
    harmless: int


class Unsure(Exception):
    """The picture cannot be called clean; the message says why."""


def search(stored: np.ndarray, whole: bool) -> Found:
    """Text in stored values [rows, columns]: rows of glyphs but for markers; where `whole`, also what is read anywhere.

    Tesseract can keep a marker in the picture, never a name. Raises Unreadable where it is needed and cannot read.
    """
    rows = rows_of_glyphs(stored)
    markers = _markers(rows[:MOST_READ]) if rows else []
    boxes = [row.box for row in rows if not any(_covers(marker, row.box) for marker in markers)]
    if whole:
        boxes += _read_everywhere(rendered(stored))
    return Found(tuple(dict.fromkeys(boxes)), len(markers))


def blank(stored: np.ndarray, inverted: bool, whole: bool) -> np.ndarray:
    """The picture with its text painted black; the very array that came where there is none.

    `inverted` says that high values are dark (MONOCHROME1). What was read everywhere is read again once it is painted.
    Raises Unsure where text stays or covers too much, and Unreadable as `search` does.
    """
    boxes = search(stored, whole).boxes
    if not boxes:
        return stored
    clean = stored.copy()
    black = stored.max() if inverted else stored.min()
    covered = np.zeros(stored.shape, bool)
    for _ in range(PASSES):
        for box in boxes:
            covered[box.top : box.bottom, box.left : box.right] = True
        if covered.mean() > LARGEST_SHARE:
            raise Unsure("text covers too much of the picture")
        clean[covered] = black
        boxes = tuple(_read_everywhere(rendered(clean))) if whole else ()
        if not boxes:
            return clean
    raise Unsure("text is still there after it was blanked")


def _markers(rows: list[Row]) -> list[Box]:
    """Boxes of rows that say a marker and nothing else: as many letters were read as there are glyphs."""
    found = []
    for line in read_lines([_page(row.ink) for row in rows], ONE_LINE):
        row = rows[line.page]
        if line.confidence >= SURE_OF_MARKER and is_marker(line.words) and _letters(line) >= row.glyphs:
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


def _read_everywhere(picture: np.ndarray) -> list[Box]:
    """Boxes of lines that tesseract reads in 8 bits [rows, columns] and that may name somebody."""
    scale = min(2.0, (LARGEST_PAGE / picture.size) ** 0.5)
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    page = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
    found = []
    for line in read_lines([255 - page, page], SPARSE):
        if line.confidence >= SURE and not is_harmless(line.words):
            box = Box(*(round(side / scale) for side in line.box))
            found.append(grown(box, max(4, (box.bottom - box.top) // 3), picture.shape))
    return found
