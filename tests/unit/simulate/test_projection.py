"""Photons: what passes, what scatters, what is counted."""

import numpy as np
import pytest

from radloop.simulate.kernels import add_tubes, block_mean, gaussian, resize
from radloop.simulate.projection import Exposure, attenuation, detect, scattered, transmission


def exposure(**changes: float) -> Exposure:
    values = {
        "kvp": 100.0, "counts": 4000.0, "grid": 0.3, "focus": 1.0, "magnification": 1.1, "motion": 0.0,
        "blur": 0.0, "electronic": 0.0, "pitch": 1.0,
    }  # fmt: skip
    return Exposure(**(values | changes))


def flat(value: float, size: int = 64) -> np.ndarray:
    return np.full((size, size), value, np.float32)


def test_twice_the_water_lets_the_square_of_the_share_pass() -> None:
    once = transmission({"water": flat(60)}, {"bone": flat(0)}, 100)
    twice = transmission({"water": flat(120)}, {"bone": flat(0)}, 100)
    np.testing.assert_allclose(twice, once**2, rtol=1e-4)


def test_water_attenuates_at_sixty_kev_as_the_nist_table_says() -> None:
    assert attenuation("water", 120.0) == pytest.approx(0.02059, rel=1e-3)


def test_bone_stands_out_more_at_a_lower_voltage() -> None:
    low = attenuation("bone", 70) / attenuation("water", 70)
    high = attenuation("bone", 125) / attenuation("water", 125)
    assert low > 1.3 * high


def test_bone_in_the_place_of_water_is_bone_alone() -> None:
    both = transmission({"water": flat(10)}, {"bone": flat(10), "water": flat(-10)}, 90)
    alone = transmission({"water": flat(0)}, {"bone": flat(10)}, 90)
    np.testing.assert_allclose(both, alone, rtol=1e-5)


def test_a_projection_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="one material"):
        transmission({}, {}, 100)


def test_noise_is_as_strong_as_poisson_says() -> None:
    counts = detect(flat(1, 256), flat(0), exposure(counts=900.0), np.random.default_rng(0))
    assert counts.mean() == pytest.approx(900, rel=0.01)
    assert counts.std() == pytest.approx(30, rel=0.03)


def test_a_grid_keeps_scatter_away() -> None:
    light = flat(0.2, 128)
    with_grid = scattered(light, flat(150), exposure(grid=0.2))
    without = scattered(light, flat(150), exposure(grid=0.8))
    np.testing.assert_allclose(without, 4 * with_grid, rtol=1e-3)
    assert scattered(light, flat(0), exposure()).max() == 0


def test_blur_moves_photons_and_loses_none() -> None:
    point = flat(0)
    point[32, 32] = 1
    blurred = gaussian(point, 2.0)
    assert blurred.sum() == pytest.approx(1, rel=1e-4)
    assert blurred[32, 32] < 0.05


def test_a_rod_is_as_thick_to_cross_as_its_diameter() -> None:
    rod = np.array([[5, 32, 4, 0, 1, 1], [58, 32, 4, 0, 1, 1]], np.float32)
    out = flat(0)
    nearest, value = flat(1), flat(0)
    add_tubes(out, nearest, value, rod, np.array([0, 2]))
    assert out[32, 30] == pytest.approx(8, rel=1e-3)
    assert out[34, 30] == pytest.approx(2 * np.sqrt(12), rel=1e-3)
    assert out[40, 30] == 0
    assert value.max() == 0
    assert nearest.min() == 1


def test_a_bent_rod_is_not_counted_twice_at_its_knee() -> None:
    rod = np.array([[10, 10, 3, 0, 1, 1], [30, 30, 3, 0, 1, 1], [50, 12, 3, 0, 1, 1]], np.float32)
    out = flat(0)
    add_tubes(out, flat(1), flat(0), rod, np.array([0, 3]))
    assert out.max() <= 6.001


def test_a_hollow_rod_is_bright_at_its_edges() -> None:
    rod = np.array([[5, 32, 8, 6, 0.1, 1], [58, 32, 8, 6, 0.1, 1]], np.float32)
    out = flat(0)
    add_tubes(out, flat(1), flat(0), rod, np.array([0, 2]))
    assert out[38, 30] > 1.5 * out[32, 30]


def test_resizing_a_slope_keeps_it_a_slope() -> None:
    slope = np.tile(np.arange(32, dtype=np.float32), (32, 1))
    large = resize(slope, 64, 64)
    np.testing.assert_allclose(np.diff(large[:, 4:-4], axis=1), 0.5, atol=1e-4)
    np.testing.assert_allclose(block_mean(large, 2)[:, 2:-2], slope[:, 2:-2], atol=1e-4)
