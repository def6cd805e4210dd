from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from radloop.imaging.inversion import inverted_score
from radloop.imaging.preprocess import Preprocess, preprocess
from radloop.imaging.resample import reduce_film, shrink
from radloop.imaging.statistics import image_statistics
from radloop.records import STATISTICS

Chest = Callable[..., np.ndarray]
SETTINGS = Preprocess(128, 1.0, 99.0)


def picture(side: int = 256, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    y, x = np.mgrid[0:side, 0:side] / side
    smooth = 1000 + 800 * np.sin(5 * x) * np.cos(7 * y)
    return smooth + np.random.default_rng(seed).normal(0, noise, (side, side)) if noise else smooth


def described(pixels: np.ndarray) -> dict[str, Any]:
    return image_statistics(pixels, preprocess(pixels, SETTINGS), 12, 0.2)


def test_the_statistics_are_the_columns_of_a_prediction() -> None:
    found = described(picture())
    assert tuple(found) == STATISTICS
    assert all(isinstance(value, float) and np.isfinite(value) for value in found.values())


def test_a_film_in_8_bits_has_the_statistics_of_the_same_film_in_12() -> None:
    film = picture(512, noise=20)
    eight = np.rint((film - film.min()) / np.ptp(film) * 255).astype(np.uint8)
    scaled = ("image_contrast", "image_exposure")  # shares of the stored range, which differs
    deep, shallow = described(film.astype(np.uint16)), described(eight)
    assert all(
        shallow[name] == pytest.approx(deep[name], rel=0.02, abs=0.003) for name in STATISTICS if name not in scaled
    )


def test_noise_grows_with_noise_and_ignores_smooth_structure() -> None:
    quiet, loud, louder = (described(picture(noise=sigma))["image_noise"] for sigma in (0, 20, 40))
    assert quiet < 0.001
    assert loud > 10 * max(quiet, 1e-6) and louder == pytest.approx(2 * loud, rel=0.1)


def test_noise_is_measured_in_units_of_the_window() -> None:
    film = picture(noise=20)
    low, high = np.percentile(film, [1, 99])
    assert described(film)["image_noise"] == pytest.approx(20 / (high - low), rel=0.1)


def test_sharpness_falls_with_blur() -> None:
    sharp = np.kron(np.random.default_rng(0).integers(0, 255, (32, 32)), np.ones((8, 8)))
    blurred = sum(np.roll(sharp, shift, axis=(0, 1)) for shift in range(6)) / 6
    assert described(blurred)["image_sharpness"] < 0.8 * described(sharp)["image_sharpness"]


def test_an_inverted_film_is_told_by_its_mean() -> None:
    film = picture() ** 3
    assert described(film)["image_mean"] < 0.5 < described(film.max() - film)["image_mean"]


def test_a_negative_is_told_from_its_film_as_validation_tells_it(chest: Chest) -> None:
    film = chest(0)
    kept, negative = (described(pixels)["image_inverted"] for pixels in (film, 255 - film))
    assert kept < 0.4 and negative == pytest.approx(1 - kept, abs=1e-5)
    assert kept == pytest.approx(inverted_score(shrink(film)), abs=1e-6)


def test_a_constant_film_has_statistics_too() -> None:
    found = described(np.full((300, 200), 9.0))
    assert found["image_std"] == found["image_noise"] == found["image_entropy"] == 0.0


def test_statistics_of_a_film_are_those_of_its_reduction() -> None:
    film = picture(1024, noise=30)
    assert described(film) == image_statistics(reduce_film(film), preprocess(film, SETTINGS), 12, 0.8)
