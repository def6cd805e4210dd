from __future__ import annotations

import numpy as np
import pytest

from radloop.imaging.nonlocal_means import estimate_sigma, non_local_means
from radloop.sections.noise import NonLocalMeans


def steps(*shape: int) -> np.ndarray:
    """Two tissues and no air, with an edge along every axis."""
    image = np.full(shape, 100.0)
    image[tuple(slice(size // 3, 2 * size // 3) for size in shape)] = 160.0
    return image


def noised(image: np.ndarray, sigma: float) -> np.ndarray:
    return image + np.random.default_rng(3).normal(0, sigma, image.shape)


def rician(image: np.ndarray, sigma: float) -> np.ndarray:
    random = np.random.default_rng(5)
    return np.hypot(image + random.normal(0, sigma, image.shape), random.normal(0, sigma, image.shape))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


@pytest.mark.parametrize("sigma", [1.0, 5.0, 12.0])
@pytest.mark.parametrize("shape", [(96, 80), (40, 36, 12)])
def test_the_noise_is_estimated_from_the_image_alone(shape: tuple[int, ...], sigma: float) -> None:
    assert estimate_sigma(noised(steps(*shape), sigma)) == pytest.approx(sigma, rel=0.08)


def test_air_without_noise_does_not_hide_the_noise_of_tissue() -> None:
    image = np.zeros((128, 128))
    image[40:90, 40:90] = noised(np.full((50, 50), 200.0), 6)
    assert estimate_sigma(image) == pytest.approx(6, rel=0.12)


@pytest.mark.parametrize("shape", [(64, 64), (24, 24, 12)])
def test_noise_falls_to_less_than_half_and_the_edge_stays(shape: tuple[int, ...]) -> None:
    truth = steps(*shape)
    image = noised(truth, 8)
    found = non_local_means(image, (1.0,) * len(shape), NonLocalMeans())
    assert rms(found - truth) < 0.5 * rms(image - truth)
    inside = truth > 130
    assert found[inside].mean() - found[~inside].mean() == pytest.approx(60, abs=1.5)


def test_an_image_without_noise_comes_back() -> None:
    np.testing.assert_array_equal(non_local_means(steps(32, 32), (1, 1), NonLocalMeans()), steps(32, 32))


def test_the_bias_of_rician_noise_is_taken_away() -> None:
    truth = np.full((80, 80), 20.0)
    truth[20:60, 20:60] = 100.0
    image = rician(truth, 12)
    plain, corrected = (
        non_local_means(image, (1, 1), NonLocalMeans(sigma=12, noise=noise)) for noise in ("gaussian", "rician")
    )
    dark = truth < 50
    assert plain[dark].mean() > 22.5
    assert corrected[dark].mean() == pytest.approx(20, abs=1.2)
    assert corrected[~dark].mean() == pytest.approx(100, abs=1.0)


def test_thick_slices_are_not_averaged_with_each_other() -> None:
    image = noised(steps(24, 24, 6), 5)
    thick = non_local_means(image, (1, 1, 5), NonLocalMeans(sigma=5))
    slices = [non_local_means(image[..., k], (1, 1), NonLocalMeans(sigma=5)) for k in range(6)]
    np.testing.assert_allclose(thick, np.stack(slices, axis=2), rtol=1e-5)
    assert np.abs(non_local_means(image, (1, 1, 1), NonLocalMeans(sigma=5)) - thick).max() > 0.1
