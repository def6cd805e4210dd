"""Random textures cut from a few prepared tiles, so that a study costs no Fourier transform."""

from functools import lru_cache

import numpy as np

from radloop.simulate.kernels import Plane

TILE = 1024
TILE_SEED = 20240229
"""Of the tiles only: studies differ by where and how they cut them."""


@lru_cache(maxsize=16)
def tile(side: int, exponent: float, coarsest: float) -> Plane:
    """A periodic Gaussian field of unit variance whose amplitude falls as frequency^-exponent.

    side, coarsest: px; longer waves are left out, so that a texture is no brightness.
    """
    rng = np.random.default_rng([TILE_SEED, int(exponent * 100), int(coarsest)])
    spectrum = np.fft.rfft2(rng.standard_normal((side, side)))
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :]
    frequency = np.hypot(fy, fx)
    weight = np.maximum(frequency, 1 / side) ** -exponent
    weight *= 1 - np.exp(-((frequency * coarsest) ** 4))
    field = np.fft.irfft2(spectrum * weight, s=(side, side))
    return np.asarray(field / field.std(), dtype=np.float32)


def cut(rng: np.random.Generator, size: int, exponent: float, coarsest: float = 128) -> Plane:
    """Cut a (size, size) piece at a random place, turned or mirrored at random.

    Raises ValueError where `size` is larger than the tile (1024 px).
    """
    if size > TILE:
        raise ValueError(f"a texture of {size} px was asked for; tiles have {TILE} px")
    side = TILE if size > TILE // 4 else TILE // 2
    y, x = rng.integers(0, side - size + 1, 2)
    piece = tile(side, exponent, coarsest)[y : y + size, x : x + size]
    piece = np.rot90(piece, int(rng.integers(0, 4)))
    return np.ascontiguousarray(piece[:, ::-1] if rng.random() < 0.5 else piece)
