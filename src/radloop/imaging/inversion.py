"""Is a chest film shown as its negative? A correlation with what every frontal chest has in common."""

from __future__ import annotations

from functools import cache

import numpy as np

#: Side of the square on which films and the template are compared; a film's fine detail says nothing here.
SIDE = 32


def inverted_score(thumbnail: np.ndarray) -> float:
    """How much a film looks like a negative: 0 is a perfect positive, 1 a perfect negative, 0.5 is undecided.

    A film whose photometric interpretation lies would teach the network that bone is dark, and no header
    tells. The score is (1 - r) / 2, with r the correlation of the film, clipped at its 2nd and 98th
    percentiles, with `frontal_chest()`; so the score of the negative is exactly 1 minus that of the film.
    `thumbnail`: float [n, n] display values, n a multiple of 32, dense tissue bright. A flat film scores 0.5.

    Measured by tests/real/test_inversion.py on 808 films of ChestX-ray14 at the knob's 0.5: no film is called inverted
    and all 808 negatives are. The median film scores 0.22, the 99th percentile 0.41; the highest, 0.48, is a film that
    is upside down. The template was drawn from anatomy and chosen among four drawings on these films; simulated films
    (tests/unit/imaging/test_inversion.py), which had no part in that, score 0.31 at most.
    """
    film = _blocks(thumbnail, SIDE)
    low, high = np.percentile(film, (2.0, 98.0))
    film = np.clip(film, low, high)
    spread = film.std()
    if spread == 0:
        return 0.5
    correlation = float(np.mean((film - film.mean()) / spread * frontal_chest()))
    return (1.0 - correlation) / 2.0


@cache
def frontal_chest() -> np.ndarray:
    """What frontal chests share: dark lungs and dark air beside neck and arms, bright spine and abdomen.

    Mirror-symmetric, so that a heart on either side and a flipped film score alike. Returns float64
    [SIDE, SIDE] of mean 0 and standard deviation 1.
    """
    down, across = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE
    aside = np.abs(across - 0.5)  # both halves at once
    lungs = np.exp(-((((aside - 0.21) / 0.15) ** 2 + ((down - 0.42) / 0.30) ** 2) ** 2))
    spine = np.exp(-(((aside / 0.10) ** 2 + ((down - 0.55) / 0.60) ** 2) ** 2))
    abdomen = _step(down - 0.78, 25.0) * (aside < 0.44)
    beside_arms = _step(aside - 0.46, 60.0)
    beside_neck = _step(0.12 - down, 40.0) * (aside > 0.22)
    template = spine - lungs + 0.7 * abdomen - 0.8 * (beside_arms + beside_neck)
    template -= template.mean()
    return np.asarray(template / template.std())


def _step(distance: np.ndarray, steepness: float) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + np.exp(-distance * steepness)))


def _blocks(thumbnail: np.ndarray, side: int) -> np.ndarray:
    width = thumbnail.shape[0] // side
    return np.asarray(thumbnail.reshape(side, width, side, width).mean(axis=(1, 3), dtype=np.float64))
