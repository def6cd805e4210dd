"""How much of a region is at least so bright."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radloop.errors import ConfigurationError
from radloop.radiomics import Resegment, RoiSettings, VolumeHistogram
from radloop.radiomics.volume_histogram import volume_histogram

WHOLE = RoiSettings(volume_histogram=VolumeHistogram(how="none"))


def test_whole_numbers_are_their_own_levels() -> None:
    # 0 to 10, once each: at least 1 are 10 of 11, at least 9 are 2, and the first level that 10 % reach is 10
    found = volume_histogram(np.arange(11.0), WHOLE)
    assert found["v10"] == pytest.approx(10 / 11) and found["v90"] == pytest.approx(2 / 11)
    assert found["i10"] == 10 and found["i90"] == 2
    assert found["diff_i10_i90"] == 8 and found["diff_v10_v90"] == pytest.approx(8 / 11)
    assert found["auc"] == pytest.approx((sum(range(1, 12)) - 6) / 11 / 10)


def test_a_level_that_no_voxel_has_is_a_level_too() -> None:
    found = volume_histogram(np.array([1.0] * 9 + [5.0]), WHOLE)
    assert found["i10"] == 2 and found["v90"] == pytest.approx(0.1)


def test_a_re_segmented_range_says_what_fractions_of_intensity_mean() -> None:
    settings = RoiSettings(resegment=Resegment(range=(0, 100)), volume_histogram=VolumeHistogram(how="fbs", width=10))
    found = volume_histogram(np.array([5.0, 45, 45, 55]), settings)
    assert found["v10"] == pytest.approx(0.75) and found["v90"] == 0
    assert found["i90"] == 15 and found["i10"] == 65


def test_a_thousand_bins_hide_nothing_of_a_ramp() -> None:
    found = volume_histogram(np.linspace(-3.0, 8.0, 5001), RoiSettings())
    assert found["v10"] == pytest.approx(0.9, abs=2e-3) and found["v90"] == pytest.approx(0.1, abs=2e-3)
    assert found["auc"] == pytest.approx(0.5, abs=2e-3)


def test_intensities_that_are_no_whole_numbers_cannot_be_their_own_levels() -> None:
    with pytest.raises(ConfigurationError, match="no whole numbers"):
        volume_histogram(np.array([0.5, 1.0]), WHOLE)


def test_one_intensity_has_no_fractions() -> None:
    found = volume_histogram(np.full(5, 3.0), WHOLE)
    assert math.isnan(found["v10"]) and math.isnan(found["auc"]) and found["i90"] == 3
