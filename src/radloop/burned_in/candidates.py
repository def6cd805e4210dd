"""Where text may stand: many strokes close together, found in a few milliseconds so that every film can be searched."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

CELL = 8  # pixels a side
FEWEST_STROKES = 3  # steps up and as many down in one cell; an outline of anatomy goes one way only
SMALLEST_STEP = 12.0  # of 255, between neighbouring pixels
NOISE_STEPS = 6.0  # times the median step: noise alone must not look like strokes
SCALES = (1, 2, 4)  # large letters have their strokes close together when seen from afar
MOST = 24  # boxes that are read; a picture with more is noise or a page


class Box(NamedTuple):
    """A rectangle in pixels, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """Pixels inside."""
        return (self.bottom - self.top) * (self.right - self.left)


def rendered(stored: np.ndarray) -> np.ndarray:
    """Stored values [rows, columns] as 8 bits, 0.2 % at either end clipped: one hot pixel darkens none."""
    sample = stored[:: max(1, stored.shape[0] // 256), :: max(1, stored.shape[1] // 256)]
    low, high = (float(value) for value in np.percentile(sample, (0.2, 99.8)))
    if high <= low:
        low, high = float(stored.min()), max(float(stored.max()), float(stored.min()) + 1)
    scaled = (stored.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    return np.asarray(np.clip(scaled, 0, 255), np.uint8)


def candidates(picture: np.ndarray) -> list[Box]:
    """Boxes that may hold text in an 8-bit picture [rows, columns], those with most strokes first, at most 24."""
    found: list[tuple[int, Box]] = []
    for scale in SCALES:
        found += _at(picture, scale)
    return _apart([box for _, box in sorted(found, key=lambda one: (-one[0], one[1]))])[:MOST]


def grown(box: Box, by: int, shape: tuple[int, ...]) -> Box:
    """A box with a margin, cut at the picture's border."""
    return Box(
        max(box.top - by, 0), max(box.left - by, 0), min(box.bottom + by, shape[0]), min(box.right + by, shape[1])
    )


def meet(one: Box, other: Box) -> bool:
    """Whether two boxes share a pixel."""
    return one.top < other.bottom and other.top < one.bottom and one.left < other.right and other.left < one.right


def _at(picture: np.ndarray, scale: int) -> list[tuple[int, Box]]:
    from scipy import ndimage  # a third of a reader's start, and needed only where text is searched

    rows, columns = (side // scale // CELL for side in picture.shape)
    if not rows or not columns:
        return []
    side = scale * CELL
    small = picture[: rows * side, : columns * side]
    if scale > 1:
        small = small.reshape(rows * CELL, scale, columns * CELL, scale).mean(axis=(1, 3), dtype=np.float32)
    steps = np.zeros(small.shape, np.int16)
    steps[:, 1:] = np.diff(small.astype(np.int16), axis=1)
    limit = max(SMALLEST_STEP, NOISE_STEPS * float(np.median(np.abs(steps[::4, ::4]))))
    strokes = np.minimum(_per_cell(steps > limit), _per_cell(steps < -limit))
    cells = ndimage.binary_dilation(strokes >= FEWEST_STROKES, np.ones((1, 3), bool))
    labels, _ = ndimage.label(cells, np.ones((3, 3)))
    found = []
    for number, (vertical, horizontal) in enumerate(ndimage.find_objects(labels), start=1):
        inside = labels[vertical, horizontal] == number
        box = Box(vertical.start * side, horizontal.start * side, vertical.stop * side, horizontal.stop * side)
        found.append((int(strokes[vertical, horizontal][inside].sum()), grown(box, side // 2, picture.shape)))
    return found


def _per_cell(mask: np.ndarray) -> np.ndarray:
    rows, columns = mask.shape[0] // CELL, mask.shape[1] // CELL
    across = mask.view(np.uint8).reshape(mask.shape[0], columns, CELL).sum(axis=2, dtype=np.uint8)
    return np.asarray(across.reshape(rows, CELL, columns).sum(axis=1, dtype=np.uint8))


def _apart(boxes: list[Box]) -> list[Box]:
    """Boxes of several scales that mostly cover one another count once, as their union."""
    kept: list[Box] = []
    for box in boxes:
        for at, other in enumerate(kept):
            if _shared(box, other) > 0.5 * min(box.area, other.area):
                kept[at] = Box(*map(min, box[:2], other[:2]), *map(max, box[2:], other[2:]))
                break
        else:
            kept.append(box)
    return kept


def _shared(one: Box, other: Box) -> int:
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    width = min(one.right, other.right) - max(one.left, other.left)
    return max(height, 0) * max(width, 0)
