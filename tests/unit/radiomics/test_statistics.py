"""Statistics of intensities and histograms, beside values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from radloop.radiomics.statistics import histogram_features, intensity_statistics

SEEN = np.array([1.0, 1, 2, 4])


def test_moments_and_deviations_of_four_values() -> None:
    found = intensity_statistics(SEEN)
    assert found["mean"] == 2 and found["var"] == 1.5 and found["median"] == 1.5
    assert found["mad"] == 1.0 and found["medad"] == (0.5 + 0.5 + 0.5 + 2.5) / 4
    assert found["energy"] == 22 and found["rms"] == pytest.approx(math.sqrt(5.5))
    assert found["iqr"] == 1.5 and found["qcod"] == pytest.approx(1.5 / 3.5) and found["range"] == 3
    assert found["cov"] == pytest.approx(math.sqrt(1.5) / 2)


def test_skewness_and_kurtosis_are_those_of_a_population_and_a_normal_has_kurtosis_nought() -> None:
    seen = np.random.default_rng(0).gamma(2.0, size=50_000)
    found = intensity_statistics(seen)
    assert found["skew"] == pytest.approx(stats.skew(seen)) and found["kurt"] == pytest.approx(stats.kurtosis(seen))
    assert intensity_statistics(np.random.default_rng(1).normal(size=100_000))["kurt"] == pytest.approx(0, abs=0.05)


def test_equal_values_have_no_spread_whatever_rounding_leaves() -> None:
    found = intensity_statistics(np.full(7, 0.1))
    assert found["var"] == found["skew"] == found["kurt"] == found["cov"] == 0


def test_where_the_mean_is_nought_there_is_no_coefficient_of_variation() -> None:
    assert math.isnan(intensity_statistics(np.array([-1.0, 1.0]))["cov"])


def test_a_histogram_of_levels_by_hand() -> None:
    found = histogram_features(np.array([2, 2, 2, 3, 5]))
    assert found["mode"] == 2 and found["uniformity"] == pytest.approx(0.36 + 0.04 + 0.04)
    assert found["entropy"] == pytest.approx(-0.6 * math.log2(0.6) - 0.4 * math.log2(0.2))
    # counts of the levels 2 to 5 are 3, 1, 0, 1: slopes -2, -1.5, 0, 1
    assert (found["max_grad"], found["max_grad_g"]) == (1, 5)
    assert (found["min_grad"], found["min_grad_g"]) == (-2, 2)


def test_of_two_modes_the_one_nearer_to_the_mean_is_told() -> None:
    assert histogram_features(np.array([1, 1, 4, 5, 5]))["mode"] == 5


def test_a_histogram_of_one_level_has_no_gradient() -> None:
    found = histogram_features(np.ones(4, int))
    assert math.isnan(found["max_grad"]) and math.isnan(found["min_grad_g"]) and found["entropy"] == 0


def test_levels_that_are_all_raised_move_what_is_a_place_and_nothing_that_is_a_shape() -> None:
    levels = np.random.default_rng(3).integers(1, 9, 500)
    one, other = histogram_features(levels), histogram_features(levels + 4)
    for tag in ("mean", "median", "min", "max", "mode", "p10", "p90", "max_grad_g", "min_grad_g"):
        assert other[tag] == pytest.approx(one[tag] + 4)
    for tag in ("var", "skew", "kurt", "iqr", "range", "mad", "rmad", "medad", "entropy", "uniformity", "max_grad"):
        assert other[tag] == pytest.approx(one[tag])
