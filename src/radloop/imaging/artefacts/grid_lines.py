"""Lines that an anti-scatter grid leaves on a radiograph: one frequency, along one axis, over the whole film."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter

from radloop.imaging.artefacts.scores import score

#: Rows that are averaged before a spectrum is taken: a grid that lies askew by less keeps its phase within them.
BAND = 16
#: Lowest frequency that is looked at, in cycles per pixel: below it anatomy has lines of its own.
LOWEST = 0.12
#: Frequencies on either side whose median is what a film has there without lines.
NEIGHBOURS = 31
#: Logarithm of the peak over its neighbours: usual on clean films, and clear.
USUAL, CLEAR = 1.3, 3.0
#: Pixels over which a notch follows amplitude and phase; the notch is 1 / (2 pi NOTCH) cycles per pixel wide.
NOTCH = 24.0
#: Frequencies that are taken away at most, the strongest first.
MOST = 4


def grid_line_score(film: np.ndarray) -> float:
    """How clearly one frequency stands out of the film's spectrum along rows or columns: 0 to 1.

    `film`: [h, w] display values; less than 64 pixels a side tell nothing, 0.
    """
    if min(film.shape) < 64:
        return 0.0
    return score(max(_peak(film)[0], _peak(film.T)[0]), USUAL, CLEAR)


def remove_grid_lines(film: np.ndarray, above: float = 0.5) -> np.ndarray:
    """Take the lines out by a notch at each frequency that scores above `above`, and leave all else.

    The film is brought to that frequency, smoothed over `NOTCH` pixels and brought back: a Gaussian notch that
    follows a grid which is uneven or askew, and has no edge to ring at. `film`: [h, w]. Returns float32 [h, w].
    """
    clean = np.array(film, np.float32)
    for turned in (False, True):
        view = clean.T if turned else clean
        for _ in range(MOST):
            height, frequency = _peak(view) if min(film.shape) >= 64 else (0.0, 0.0)
            if score(height, USUAL, CLEAR) <= above:
                break
            view -= _wave(view, frequency)
    return clean


def _peak(film: np.ndarray) -> tuple[float, float]:
    """The highest logarithm of power over its neighbours across columns, and its frequency in cycles per pixel."""
    rows, columns = film.shape
    bands = np.asarray(film[: rows // BAND * BAND], np.float64).reshape(-1, BAND, columns).mean(axis=1)
    fine = np.diff(bands, axis=1) * np.hanning(columns - 1)
    power = np.log((np.abs(np.fft.rfft(fine, axis=1)) ** 2).mean(axis=0) + 1e-12)
    frequencies = np.fft.rfftfreq(columns - 1)
    above = power - median_filter(power, NEIGHBOURS, mode="nearest")
    above[(frequencies < LOWEST)] = -np.inf
    at = int(np.argmax(above))
    return float(above[at]), _refined(power, at) / (columns - 1)


def _refined(power: np.ndarray, at: int) -> float:
    """The place of a peak between bins, by a parabola through its neighbours."""
    if not 0 < at < len(power) - 1:
        return float(at)
    left, middle, right = power[at - 1 : at + 2]
    bend = left - 2 * middle + right
    return at + (0.5 * (left - right) / bend if bend < 0 else 0.0)


def _wave(film: np.ndarray, frequency: float) -> np.ndarray:
    """What the film has near one frequency across columns."""
    turn = np.exp(-2j * np.pi * frequency * np.arange(film.shape[1]))
    detail = film - gaussian_filter(film, 2.0 / frequency / (2 * np.pi))
    still = detail * turn
    slow = gaussian_filter(still.real, NOTCH) + 1j * gaussian_filter(still.imag, NOTCH)
    both = 1.0 if frequency > 0.499 else 2.0  # at the highest frequency a wave and its mirror are one
    return np.asarray(both * (slow * np.conj(turn)).real, np.float32)
