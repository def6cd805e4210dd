"""The search of one picture: candidates on every film, the whole picture where its kind is known for text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from radloop.burned_in.candidates import Box, candidates, grown, meet, rendered
from radloop.burned_in.markers import SHORTEST, is_harmless
from radloop.burned_in.tesseract import BLOCK, SPARSE, Line, read_lines

SURE = 50.0  # percent of tesseract's confidence from which a line counts as read
DOUBTFUL = 20.0  # below it tesseract sees letters in anatomy
READ_HEIGHT = 64  # pixels to which a low crop is enlarged
LARGEST_PAGE = 4_000_000  # pixels; a larger picture is read as it is or reduced
LARGEST_SHARE = 0.25  # of the picture that may be blanked


@dataclass(frozen=True)
class Found:
    """Where text stands that may name somebody; more where `doubtful`; `harmless` counts markers."""

    boxes: tuple[Box, ...]
    doubtful: bool
    harmless: int


class Unsure(Exception):
    """The picture cannot be called clean; the message says why."""


def search(stored: np.ndarray, whole: bool) -> Found:
    """Text in stored values [rows, columns]: in candidates alone, or everywhere where `whole`.

    Raises Unreadable where there is something to read and tesseract cannot.
    """
    picture = rendered(stored)
    places = candidates(picture)
    pages = _crops(picture, places)
    told: list[Line] = []
    boxes: list[Box] = []
    for line in read_lines(pages, BLOCK) if pages else []:
        told.append(line)
        if line.confidence >= SURE and not is_harmless(line.words):
            boxes.append(places[line.page % len(places)])
    if whole:
        for line in _everywhere(picture):
            told.append(line)
            if line.confidence >= SURE and not is_harmless(line.words):
                height = line.box.bottom - line.box.top
                boxes += [grown(line.box, max(3, height // 3), picture.shape)]
                boxes += [place for place in places if meet(place, line.box)]
    doubtful = any(DOUBTFUL <= line.confidence < SURE and _letters(line) > SHORTEST for line in told)
    return Found(tuple(dict.fromkeys(boxes)), doubtful, sum(is_harmless(line.words) for line in told))


def blank(stored: np.ndarray, inverted: bool, whole: bool) -> np.ndarray:
    """The picture with its text painted black; the very array that came where there is none.

    `inverted` says that high values are dark (MONOCHROME1). What was blanked is searched again. Raises Unsure where
    text stays, covers too much or is doubtful, and Unreadable as `search` does.
    """
    found = search(stored, whole)
    if whole and found.doubtful and not found.boxes:
        raise Unsure("something like text was seen and could not be read")
    if not found.boxes:
        return stored
    clean = stored.copy()
    black = stored.max() if inverted else stored.min()
    covered = np.zeros(stored.shape, bool)
    for _ in range(2):
        for box in found.boxes:
            clean[box.top : box.bottom, box.left : box.right] = black
            covered[box.top : box.bottom, box.left : box.right] = True
        if covered.mean() > LARGEST_SHARE:
            raise Unsure("text covers too much of the picture")
        found = search(clean, whole)
        if not found.boxes:
            return clean
    raise Unsure("text is still there after it was blanked")


def _letters(line: Line) -> int:
    return sum(map(str.isalnum, "".join(line.words)))


def _crops(picture: np.ndarray, places: list[Box]) -> list[np.ndarray]:
    pages = []
    for box in places:
        crop = picture[box.top : box.bottom, box.left : box.right]
        scale = min(4.0, max(1.0, 2.5 * READ_HEIGHT / crop.shape[0]))
        if crop.size > LARGEST_PAGE / 4:
            scale = 1.0
        pages.append(_page(_dark_on_light(crop), scale))
    pages += [255 - page for page in pages]  # the background of a small crop is not always known
    return pages


def _dark_on_light(crop: np.ndarray) -> np.ndarray:
    low, high = int(crop.min()), int(crop.max())
    wide = ((crop.astype(np.float32) - low) * (255 / max(high - low, 1))).astype(np.uint8)
    return 255 - wide if np.median(wide) < 128 else wide


def _page(picture: np.ndarray, scale: float) -> np.ndarray:
    if scale != 1:
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        picture = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
    level = int(np.bincount(picture.ravel(), minlength=256).argmax())
    return np.pad(picture, 12, constant_values=level)  # tesseract wants air around text


def _everywhere(picture: np.ndarray) -> list[Line]:
    scale = min(2.0, (LARGEST_PAGE / picture.size) ** 0.5)
    page = _page(picture, scale)
    lines = read_lines([255 - page, page], SPARSE)
    return [line._replace(box=_back(line.box, scale, picture.shape)) for line in lines]


def _back(box: Box, scale: float, shape: tuple[int, ...]) -> Box:
    top, left, bottom, right = (round((side - 12) / scale) for side in box)
    return grown(Box(top, left, bottom, right), 1, shape)
