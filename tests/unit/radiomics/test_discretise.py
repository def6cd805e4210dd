"""Intensities to grey levels."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.errors import ConfigurationError
from radloop.radiomics import Discretise, Resegment, RoiSettings
from radloop.radiomics.discretise import fixed_number, grey_levels


def test_a_fixed_number_of_bins_spans_from_least_to_largest() -> None:
    assert fixed_number(np.array([0.0, 2.4, 2.5, 9.9, 10]), 4).tolist() == [1, 1, 2, 4, 4]
    assert fixed_number(np.full(3, 5.0), 4).tolist() == [1, 1, 1]


def test_a_fixed_number_of_bins_forgets_scale_and_offset() -> None:
    seen = np.random.default_rng(0).integers(0, 99, 400).astype(float)
    np.testing.assert_array_equal(fixed_number(seen, 16), fixed_number(4 * seen - 1024, 16))


def test_a_fixed_width_begins_at_the_least_at_the_range_or_where_it_is_told() -> None:
    seen = np.array([10.0, 34, 35, 60])
    knobs = Discretise(how="fbs", width=25)
    assert grey_levels(seen, RoiSettings(discretise=knobs)).tolist() == [1, 1, 2, 3]
    ranged = RoiSettings(discretise=knobs, resegment=Resegment(range=(0, 100)))
    assert grey_levels(seen, ranged).tolist() == [1, 2, 2, 3]
    told = RoiSettings(discretise=Discretise(how="fbs", width=25, origin=-25))
    assert grey_levels(seen, told).tolist() == [2, 3, 3, 4]


def test_intensities_below_the_first_bin_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="begin at 20"):
        grey_levels(np.array([10.0, 30]), RoiSettings(discretise=Discretise(how="fbs", origin=20)))


def test_a_width_that_makes_too_many_levels_is_refused_before_matrices_fill_the_memory() -> None:
    with pytest.raises(ConfigurationError, match="2001 levels, more than 1024"):
        grey_levels(np.array([0.0, 2000]), RoiSettings(discretise=Discretise(how="fbs", width=1)))
