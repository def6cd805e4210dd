"""From counts to a picture for presentation, as each invented vendor would do it."""

import numpy as np
from numpy.typing import NDArray

from radloop.simulate.kernels import Plane, gaussian
from radloop.simulate.knobs import Processing
from radloop.simulate.projection import veil

BITS_STORED = 12
DEEPEST = 2**BITS_STORED - 1
EQUALISED_MM = 32.0


def present(counts: Plane, look: Processing, pitch: float) -> Plane:
    """Turn counts into display values 0 (black) to 1 (white), dense tissue bright.

    Logarithm, equalising of broad differences, gain of detail, and a tone curve anchored at
    percentiles of the exposed field; `pitch` mm per px. Source: M. Prokop et al., Principles of
    image processing in digital chest radiography, J Thorac Imaging 2003.
    """
    picture = enhance(counts, look, pitch)
    return tone(picture, look, anchors(picture))


def enhance(counts: Plane, look: Processing, pitch: float) -> Plane:
    """The logarithm of counts, less of its broad differences and more of its detail."""
    dense = -np.log(counts)
    if look.smooth:
        dense = gaussian(dense, look.smooth)
    base = veil(dense, EQUALISED_MM / pitch)
    fine = dense - gaussian(dense, 1.1 / pitch)
    picture = dense * np.float32(look.edge)
    picture += base * np.float32(1 - look.equalise - look.edge)
    fine *= np.float32(look.crisp)
    picture += fine
    return picture


def anchors(picture: Plane) -> tuple[float, float]:
    """The percentiles of an enhanced film between which its tone curve is steep."""
    low, high = np.quantile(picture[::8, ::8], (0.06, 0.93))
    return float(low), float(high)


def tone(picture: Plane, look: Processing, anchored: tuple[float, float]) -> Plane:
    """The tone curve, in place: enhanced values become display values 0 to 1."""
    low, high = anchored
    gain = look.contrast / max(high - low, 0.3)
    middle = 0.5 * (low + high) - look.brightness * (high - low)
    picture -= np.float32(middle)
    picture *= np.float32(-gain)
    np.exp(picture, out=picture)
    picture += 1
    np.reciprocal(picture, out=picture)
    bottom = 0.04
    picture -= np.float32(bottom)
    picture *= np.float32((1 - look.toe) / (1 - 2 * bottom))
    picture += np.float32(look.toe)
    return picture


def shutter(picture: Plane, rng: np.random.Generator) -> None:
    """Blacken what the collimator hid, in place: a border of a few per cent on some films."""
    if rng.random() < 0.25:
        size = picture.shape[0]
        top, bottom, left, right = (rng.random(4) ** 2 * 0.05 * size).astype(int)
        picture[:top], picture[size - bottom :] = 0, 0
        picture[:, :left], picture[:, size - right :] = 0, 0


def digitise(picture: Plane, inverted: bool) -> NDArray[np.uint16]:
    """Store 0 to 1 as 12 bits in uint16; `inverted` for MONOCHROME1, where 0 is white."""
    levels = np.clip(picture * np.float32(DEEPEST) + np.float32(0.5), 0, DEEPEST).astype(np.uint16)
    return np.asarray(DEEPEST - levels if inverted else levels, np.uint16)
