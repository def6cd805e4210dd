"""The one preprocess of training, evaluation and serving; its settings travel in the bundle."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from radloop.imaging.resample import FILM_SIDE, fit_square, reduce_film

#: Share of a grey level that averaging may invent on a constant film.
ROUNDING = 1e-5
#: Share of a film's range within which a row or column counts as blank: collimator or direct exposure.
BLANK = 0.03


@dataclass(frozen=True)
class Preprocess:
    """How display values become the network's input: `size` in pixels, `low` and `high` in percentiles."""

    size: int
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        """The settings as a bundle's manifest keeps them."""
        return asdict(self)


@dataclass(frozen=True)
class Window:
    """The display values of a film that become black and white."""

    black: float
    white: float

    def apply(self, film: np.ndarray) -> np.ndarray:
        """Display values as float32 with black at 0 and white at 1, not clipped; a constant film becomes 0."""
        width = self.white - self.black
        if width <= ROUNDING * max(abs(self.black), abs(self.white)):
            return np.zeros_like(film, dtype=np.float32)
        scaled: np.ndarray = (film - np.float32(self.black)) / np.float32(width)
        return scaled


def preprocess(pixels: np.ndarray, settings: Preprocess) -> np.ndarray:
    """Turn a film of any depth, size and aspect into the network's input.

    Percentiles make the same film equal as 12-bit DICOM and as 8-bit PNG; they are taken inside the
    collimation, which moves the window only, never the geometry, so that no threshold can shift the film.
    `pixels`: [H, W] display values, dense tissue bright. Returns uint8 [size, size].
    Raises StudyRejected for what is not one greyscale frame.
    """
    film = reduce_film(pixels, max(FILM_SIDE, settings.size))
    scaled = np.clip(window_of(film, settings.low, settings.high).apply(film), 0.0, 1.0)
    square = fit_square(scaled, settings.size)
    return np.rint(square * np.float32(255.0)).astype(np.uint8)


def window_of(film: np.ndarray, low: float, high: float) -> Window:
    """The percentile window of what lies inside the collimation of `film`, float32 [h, w]."""
    ordered = np.sort(inside_collimation(film), axis=None)
    black, white = (_percentile(ordered, share) for share in (low, high))
    return Window(black, white)


def inside_collimation(film: np.ndarray) -> np.ndarray:
    """The part of a film within its blank margins, black or white; all of it where nothing else is left."""
    darkest, brightest = float(film.min()), float(film.max())
    margin = BLANK * (brightest - darkest)
    shown = (film > darkest + margin) & (film < brightest - margin)
    rows, columns = (np.flatnonzero(shown.mean(axis=axis) > BLANK) for axis in (1, 0))
    if rows.size == 0 or columns.size == 0:
        return film
    return film[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _percentile(ordered: np.ndarray, share: float) -> float:
    # by hand on sorted values, because numpy's own percentile is four times as slow as its sort
    position = share / 100.0 * (ordered.size - 1)
    below = int(position)
    above = min(below + 1, ordered.size - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (position - below))
