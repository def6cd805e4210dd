"""Shape, and how intensities lie in it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from radloop.dicom.volume import Volume
from radloop.radiomics import RoiSettings, extract
from radloop.radiomics.local import local_peaks
from radloop.radiomics.morphology import _ellipsoid_area, autocorrelation
from radloop.radiomics.region import Region, region

Draw = Callable[..., Volume]
SHAPE = RoiSettings(families=("morph",))


def filled(values: np.ndarray, inside: np.ndarray, spacing: tuple[float, float, float] = (1, 1, 1)) -> Region:
    mask = inside.astype(bool)
    return Region(values.astype(np.float64), mask, mask, np.array(spacing, np.float64))


def by_pairs(found: Region) -> tuple[float, float]:
    """Moran's I and Geary's C as they are written in the standard, over all pairs of voxels."""
    places = np.argwhere(found.counted) * found.spacing
    seen = found.values[found.counted]
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    weights = np.divide(1, apart, out=np.zeros_like(apart), where=apart > 0)
    away, many = seen - seen.mean(), seen.size
    scatter = (away**2).sum()
    moran = many / weights.sum() * (weights * away[:, None] * away).sum() / scatter
    geary = (many - 1) / (2 * weights.sum()) * (weights * (seen[:, None] - seen) ** 2).sum() / scatter
    return float(moran), float(geary)


@pytest.mark.parametrize("spacing", [(1, 1, 1), (0.9, 1.2, 3.3)])
def test_autocorrelation_by_transform_is_that_of_all_pairs(
    lump: tuple[np.ndarray, np.ndarray], spacing: tuple[float, float, float]
) -> None:
    found = filled(*lump, spacing)
    assert autocorrelation(found) == pytest.approx(by_pairs(found), rel=1e-9)


def test_a_large_offset_of_intensities_costs_autocorrelation_no_digits(lump: tuple[np.ndarray, np.ndarray]) -> None:
    values, inside = lump
    plain, lifted = filled(values, inside), filled(values + 1e6, inside)
    assert autocorrelation(lifted) == pytest.approx(autocorrelation(plain), rel=1e-6)


def test_a_box_has_the_lengths_of_a_box(draw: Draw) -> None:
    inside = np.zeros((12, 8, 6))
    inside[1:11, 1:7, 1:5] = 1
    found = extract(draw(np.ones(inside.shape)), draw(inside), SHAPE).values
    # the mesh reaches from face to face, but for the corners: its farthest vertices are on two opposite edges
    assert found["morph_diam"] == pytest.approx(math.sqrt(10**2 + 5**2 + 3**2))
    assert found["morph_vol_approx"] == 240
    assert found["morph_pca_maj_axis"] == pytest.approx(4 * math.sqrt((10**2 - 1) / 12 * 240 / 239))
    assert found["morph_pca_elongation"] == pytest.approx(math.sqrt(35 / 99))
    assert found["morph_vol_dens_aabb"] == pytest.approx(found["morph_volume"] / 240)
    assert found["morph_com"] == pytest.approx(0) and found["morph_integ_int"] == pytest.approx(found["morph_volume"])
    assert found["morph_vol_dens_conv_hull"] == pytest.approx(1)


def test_roundness_is_told_in_seven_ways_that_agree(draw: Draw) -> None:
    places = np.stack(np.meshgrid(*(np.arange(-11.0, 12),) * 3, indexing="ij"))
    found = extract(draw(places[0]), draw((places**2).sum(axis=0) <= 81), SHAPE).values
    area, volume = found["morph_area_mesh"], found["morph_volume"]
    assert found["morph_av"] == pytest.approx(area / volume)
    assert found["morph_sphericity"] == pytest.approx(1 / found["morph_sph_dispr"])
    assert found["morph_asphericity"] == pytest.approx(found["morph_sph_dispr"] - 1)
    assert found["morph_comp_2"] == pytest.approx(found["morph_sphericity"] ** 3)
    assert found["morph_comp_1"] == pytest.approx(math.sqrt(found["morph_comp_2"]) / (6 * math.pi))
    assert found["morph_pca_flatness"] == pytest.approx(1)
    # four standard deviations of a ball are 4 / sqrt(5) of its radius
    assert found["morph_vol_dens_aee"] == pytest.approx((5 / 4) ** 1.5, rel=0.02)


def test_the_area_of_an_ellipsoid_is_the_standard_s_series_and_not_the_area() -> None:
    # 1, x, (3 x^2 - 1) / 2 for the first three terms; those left out are below 1e-3 here
    a, b, c = 3.0, 2.9, 2.8
    alpha, beta = math.sqrt(1 - (b / a) ** 2), math.sqrt(1 - (c / a) ** 2)
    x = (alpha**2 + beta**2) / (2 * alpha * beta)
    series = 1 - alpha * beta * x / 3 - (alpha * beta) ** 2 * (3 * x**2 - 1) / 2 / 15
    assert _ellipsoid_area(a, b, c) == pytest.approx(4 * math.pi * a * b * series, rel=1e-3)
    assert _ellipsoid_area(2, 2, 2) == pytest.approx(16 * math.pi)


def test_the_series_has_no_jump_where_two_axes_become_equal() -> None:
    assert _ellipsoid_area(3, 3 - 1e-9, 1) == pytest.approx(_ellipsoid_area(3, 3, 1), rel=1e-6)
    assert _ellipsoid_area(3, 3, 3 - 1e-9) == pytest.approx(_ellipsoid_area(3, 3, 3), rel=1e-6)
    assert _ellipsoid_area(3, 2, 0) == 0


def test_the_centre_of_mass_moves_to_the_bright_side(draw: Draw) -> None:
    values = np.zeros((4, 1, 1))
    values[3] = 2.0
    found = extract(draw(values, (5, 1, 1)), draw(np.ones((4, 1, 1)), (5, 1, 1)), SHAPE).values
    assert found["morph_com"] == pytest.approx(7.5)


def test_a_peak_is_the_mean_of_a_sphere_of_one_cubic_centimetre() -> None:
    values = np.random.default_rng(4).normal(size=(17, 15, 13))
    inside = np.zeros(values.shape, bool)
    inside[5:9, 6:10, 5:8] = True
    spacing = np.array([2.0, 1.7, 3.0])
    values[6, 7, 6] = 9
    places = np.argwhere(np.ones(values.shape)) * spacing
    means = {
        tuple(one): values.ravel()[np.linalg.norm(places - one * spacing, axis=1) <= 6.2035].mean()
        for one in np.argwhere(inside)
    }
    found = local_peaks(filled(values, inside, tuple(spacing)))
    assert found["peak_loc"] == pytest.approx(means[6, 7, 6]) and found["peak_glob"] == pytest.approx(
        max(means.values())
    )


def test_of_several_brightest_voxels_the_one_with_the_brightest_surroundings_counts(draw: Draw) -> None:
    values = np.zeros((40, 3, 3))
    values[5, 1, 1] = values[30, 1, 1] = 7
    values[31] = 3
    found = local_peaks(region(draw(values), draw(np.ones(values.shape)), SHAPE))
    alone = local_peaks(region(draw(values[20:]), draw(np.ones((20, 3, 3))), SHAPE))
    assert found["peak_loc"] == pytest.approx(alone["peak_loc"]) and found["peak_loc"] <= found["peak_glob"]
