from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import rotate, uniform_filter1d

from radloop.imaging.resample import shrink
from radloop.imaging.statistics import film_statistics

Chest = Callable[..., np.ndarray]


def grainy(film: np.ndarray) -> np.ndarray:
    """A film with fine structure alike in all directions, which motion can blur."""
    return film + np.random.default_rng(0).normal(0, 6, film.shape)


def seen(film: np.ndarray, name: str) -> float:
    value = film_statistics(film, 8, 1.5)[name]
    assert value is not None
    return value


@pytest.mark.parametrize("axis", [0, 1])
def test_motion_in_either_direction_is_told_from_rest(chest: Chest, axis: int) -> None:
    for seed in range(4):
        film = grainy(chest(seed))
        blurred = [seen(uniform_filter1d(film, length, axis=axis), "image_motion") for length in (3, 5, 7)]
        assert min(blurred) > seen(film, "image_motion") + 0.05


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_film_is_told_from_an_upright_one(chest: Chest, turns: int) -> None:
    for seed in range(8):
        assert seen(chest(seed), "image_turned") < 0.5 < seen(np.rot90(chest(seed), turns), "image_turned")


def test_a_negative_upright_film_is_upright(chest: Chest) -> None:
    assert seen(255 - chest(0), "image_turned") == pytest.approx(seen(chest(0), "image_turned"), abs=0.02)


def test_tilt_follows_the_angle_of_the_film(chest: Chest) -> None:
    def tilted(seed: int, angle: float) -> float:
        return seen(rotate(chest(seed).astype(float), -angle, reshape=False, order=1, mode="nearest"), "image_tilt")

    middles = [np.median([tilted(seed, angle) for seed in range(12)]) for angle in (-10, -5, 0, 5, 10)]
    assert middles == sorted(middles)
    assert middles[-1] - middles[0] == pytest.approx(20, abs=5)


def test_contrast_and_exposure_are_shares_of_the_stored_range(chest: Chest) -> None:
    film = chest(3).astype(float)
    assert seen(128 + 0.5 * (film - 128), "image_contrast") == pytest.approx(
        0.5 * seen(film, "image_contrast"), rel=0.02
    )
    assert seen(film + 25.5, "image_exposure") == pytest.approx(seen(film, "image_exposure") + 0.1, abs=0.005)
    assert film_statistics(film)["image_contrast"] is None and film_statistics(film)["image_exposure"] is None


def test_clipping_saturates(chest: Chest) -> None:
    film = chest(4).astype(float)
    told = [seen(np.clip(128 + gain * (film - 128), 0, 255), "image_saturated") for gain in (1, 2, 4)]
    assert told == sorted(told) and told[-1] > 0.3


def test_black_and_white_borders_are_collimation(chest: Chest) -> None:
    for border in (0, 255):
        film = np.full((256, 256), border, np.uint8)
        film[32:-32, 32:-32] = np.clip(chest(5), 20, 235)[32:-32, 32:-32]
        assert seen(film, "image_collimated") == pytest.approx(1 - (192 / 256) ** 2, abs=0.02)


def test_the_field_is_the_height_in_millimetres(chest: Chest) -> None:
    assert seen(chest(0), "image_field") == 384.0
    assert film_statistics(chest(0), 8)["image_field"] is None


def test_a_film_that_shows_nothing_has_finite_measures() -> None:
    for shape in ((300, 200), (3, 3), (1, 1)):
        told = film_statistics(np.full(shape, 9, np.uint8), 8, 1.0)
        assert all(value is not None and np.isfinite(value) for value in told.values())
    assert shrink(np.full((3, 3), 9)).std() == 0
