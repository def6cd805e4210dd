"""A film's fingerprint: bits that hardly change when the film is re-scaled, re-compressed or brightened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from radloop.imaging.resample import THUMBNAIL

#: Side of the grids behind both hashes: 16 x 16 bits each.
GRID = 16
#: Bits of a fingerprint: a difference hash and a frequency hash, 256 each.
BITS = 2 * GRID * GRID


@dataclass(frozen=True)
class Fingerprint:
    """`bits`: 64 bytes, for finding candidates; `thumbnail`: 64 x 64 bytes, for looking at them closely."""

    bits: bytes
    thumbnail: bytes


def fingerprint(thumbnail: np.ndarray) -> Fingerprint | None:
    """Fingerprint a film, so that copies of it are found among thousands without opening it again.

    The difference hash (is the next cell brighter?) sees edges and the frequency hash (is this cosine
    coefficient above the median?) sees the whole; both ignore brightness and contrast. Together they tell
    films apart better than either alone: see `quality.near_duplicates`.
    `thumbnail`: float [64, 64]. Returns None for a flat film, which would be a copy of every other one.
    """
    low, high = float(thumbnail.min()), float(thumbnail.max())
    if high == low:
        return None
    grey = np.rint((thumbnail - low) / (high - low) * 255.0).astype(np.uint8)
    bits = np.concatenate([difference_hash(thumbnail), frequency_hash(thumbnail)])
    return Fingerprint(np.packbits(bits).tobytes(), grey.tobytes())


def difference_hash(thumbnail: np.ndarray) -> np.ndarray:
    """256 booleans: is each cell of a 16 x 17 grid brighter than its left neighbour?"""
    cells = np.asarray(Image.fromarray(thumbnail.astype(np.float32)).resize((GRID + 1, GRID), Image.Resampling.BOX))
    return np.asarray(cells[:, 1:] > cells[:, :-1]).ravel()


def frequency_hash(thumbnail: np.ndarray) -> np.ndarray:
    """256 booleans: is each of the 16 x 16 lowest cosine coefficients above their median?"""
    basis = _cosines()
    coefficients = basis @ thumbnail.astype(np.float64) @ basis.T
    return np.asarray(coefficients > np.median(coefficients)).ravel()


def _cosines() -> np.ndarray:
    frequency, position = np.mgrid[0:GRID, 0:THUMBNAIL]
    basis = np.cos(np.pi * frequency * (2 * position + 1) / (2 * THUMBNAIL)) * np.sqrt(2.0 / THUMBNAIL)
    basis[0] /= np.sqrt(2.0)
    return np.asarray(basis)
