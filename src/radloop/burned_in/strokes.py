"""Where thin strokes stand out of a picture, bright on dark and dark on bright.

Sixteen-bit integers and shifted slices, because a radiograph of four million pixels must be searched in a blink.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

THICKEST = 7  # pixels; what is wider in both directions is background
TILE = 32  # pixels a side over which noise is alike
BLOCK = 8  # pixels a side with one limit
STEPS = 16  # of the integers to one of 255 grey levels
_BRIGHTEST = 510 * STEPS  # four times it must fit 16 bits

Picture = npt.NDArray[np.int16]


class Faintness(NamedTuple):
    """How little a stroke may stand out: spreads of its tile's strokes, and grey levels of 255."""

    spreads: float
    levels: float


def planes(stored: np.ndarray) -> tuple[Picture, Picture]:
    """Brightest and darkest of a picture's channels [rows, columns] in 16ths of 255 levels, 0.2 % clipped at each end.

    Grey pictures give the same twice. Of red, green and blue a bright letter shows in the brightest and a dark one in
    the darkest, whatever their colour.
    """
    scaled = _scaled(stored)
    if scaled.ndim == 2:
        return scaled, scaled
    return scaled.max(axis=2), scaled.min(axis=2)


def _scaled(stored: np.ndarray) -> Picture:
    sample = stored[:: max(1, stored.shape[0] // 256), :: max(1, stored.shape[1] // 256)]
    low, high = (float(value) for value in np.percentile(sample, (0.2, 99.8)))
    if high <= low:
        low, high = float(stored.min()), max(float(stored.max()), float(stored.min()) + 1)
    gain = np.float32(255 * STEPS / (high - low))
    scaled = stored.astype(np.float32)
    scaled -= np.float32(low)
    scaled *= gain
    return np.clip(scaled, -255 * STEPS, _BRIGHTEST, out=scaled).astype(np.int16)


def resized(picture: Picture, by: float) -> Picture:
    """The picture with each `by` x `by` pixels, a power of two, as their mean; a half enlarges it."""
    if by < 1:
        return picture.repeat(2, 0).repeat(2, 1)
    while by > 1:
        rows, columns = (side // 2 * 2 for side in picture.shape)
        pairs = (picture[0:rows:2, :columns] >> 1) + (picture[1:rows:2, :columns] >> 1)
        picture = (pairs[:, 0::2] >> 1) + (pairs[:, 1::2] >> 1)
        by /= 2
    return picture


def strokes(bright: Picture, dark: Picture, faintness: Faintness) -> tuple[np.ndarray, np.ndarray]:
    """Where strokes brighter, and where strokes darker, than what lies behind and than the noise around [bool]."""
    shape = bright.shape
    bright, same = _padded(bright), dark is bright
    dark = bright if same else _padded(dark)
    light = _smooth(bright)
    night = light if same else _smooth(dark)
    raised = light - _wide(_wide(light, np.minimum), np.maximum)
    sunken = _wide(_wide(night, np.maximum), np.minimum) - night
    return tuple(_outstanding(hat, faintness)[: shape[0], : shape[1]] for hat in (raised, sunken))  # type: ignore[return-value]


def _padded(picture: Picture) -> Picture:
    return np.pad(picture, [(0, -side % TILE) for side in picture.shape], mode="edge")


def _smooth(picture: Picture) -> Picture:
    """Weights 1, 2, 1 along both axes."""
    for axis in (0, 1):
        wide = np.pad(picture, [(int(axis == at), int(axis == at)) for at in (0, 1)], mode="edge")
        before, middle, after = (_cut(wide, axis, at, picture.shape[axis]) for at in range(3))
        total = middle << 1
        total += before
        total += after
        total >>= 2
        picture = total
    return picture


def _wide(picture: Picture, least: np.ufunc) -> Picture:
    """The least (or greatest) value of the square of `THICKEST` pixels around each, in three steps an axis."""
    for axis in (0, 1):
        length, reach = picture.shape[axis], THICKEST // 2
        wide = np.pad(picture, [(reach * int(axis == at), reach * int(axis == at)) for at in (0, 1)], mode="edge")
        two = least(_cut(wide, axis, 0, length + 5), _cut(wide, axis, 1, length + 5))
        four = least(_cut(two, axis, 0, length + 3), _cut(two, axis, 2, length + 3))
        picture = least(_cut(four, axis, 0, length), _cut(four, axis, 3, length))
    return picture


def _cut(picture: Picture, axis: int, first: int, length: int) -> Picture:
    return picture[first : first + length] if axis == 0 else picture[:, first : first + length]


def _outstanding(hat: Picture, faintness: Faintness) -> np.ndarray:
    """Where a hat is higher than its tile's own noise allows; limits glide from tile to tile."""
    rows, columns = (side // TILE for side in hat.shape)
    tiles = hat[::2, ::2].reshape(rows, TILE // 2, columns, TILE // 2).swapaxes(1, 2).reshape(rows, columns, -1)
    low, half = int(0.15 * tiles.shape[2]), tiles.shape[2] // 2
    tiles = np.partition(tiles, (low, half), axis=2)
    middle = tiles[:, :, half].astype(np.float32)
    limit = middle + np.maximum(faintness.spreads * (middle - tiles[:, :, low]), faintness.levels * STEPS)
    by = TILE // BLOCK
    fine = ndimage.uniform_filter(limit.repeat(by, 0).repeat(by, 1), by, mode="nearest")
    line = np.clip(fine, 0, _BRIGHTEST).astype(np.int16).repeat(BLOCK, 1)
    above = hat.reshape(len(line), BLOCK, -1) > line[:, None, :]
    return np.asarray(above.reshape(hat.shape))
