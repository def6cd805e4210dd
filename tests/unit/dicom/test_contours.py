"""Polygons and pixels agree by one rule: the centre decides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.path import Path

from radloop.dicom.contours import mask_polygons, polygon_mask


def _area(polygon: np.ndarray) -> float:
    i, j = polygon.T
    return float(np.dot(i, np.roll(j, -1)) - np.dot(j, np.roll(i, -1))) / 2


@pytest.mark.parametrize("seed", range(20))
def test_a_polygon_holds_the_centres_that_the_oracle_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 40))
    star = np.column_stack([20 + np.cos(angles) * rng.uniform(3, 18, 40), 15 + np.sin(angles) * rng.uniform(3, 14, 40)])
    centres = np.argwhere(np.ones((40, 30)))
    oracle = Path([*star, star[0]]).contains_points(centres).reshape(40, 30)
    np.testing.assert_array_equal(polygon_mask([star], (40, 30)), oracle)
    np.testing.assert_array_equal(polygon_mask([star[::-1]], (40, 30)), oracle)


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_any_mask_comes_back_exactly_with_the_area_of_its_pixels(mask: np.ndarray) -> None:
    outlines = mask_polygons(mask)
    np.testing.assert_array_equal(polygon_mask(outlines, mask.shape), mask)
    assert sum(_area(outline) for outline in outlines) == mask.sum(), "holes run the other way round"


def test_a_polygon_in_a_polygon_is_a_hole_and_one_in_that_is_none() -> None:
    squares = [np.array([[a, a], [b, a], [b, b], [a, b]], float) for a, b in ((0.5, 9.5), (2.5, 7.5), (4.5, 5.5))]
    mask = polygon_mask(squares, (11, 11))
    assert mask.sum() == 81 - 25 + 1
    assert mask[5, 5] and not mask[4, 4] and mask[2, 2]


def test_a_hole_joined_by_a_keyhole_is_a_hole() -> None:
    around = [[9.5, 5], [9.5, 9.5], [0.5, 9.5], [0.5, 0.5], [9.5, 0.5], [9.5, 5]]
    hole = [[7.5, 5], [7.5, 2.5], [2.5, 2.5], [2.5, 7.5], [7.5, 7.5], [7.5, 5]]
    keyhole = np.array([*around, *hole])
    assert polygon_mask([keyhole], (11, 11)).sum() == 81 - 25


def test_shapes_that_share_an_edge_through_centres_share_no_pixel_and_lose_none() -> None:
    left, right = (np.array([[a, 1], [b, 1], [b, 8], [a, 8]], float) for a, b in ((1, 4), (4, 9)))
    masks = [polygon_mask([one], (12, 12)) for one in (left, right)]
    assert not (masks[0] & masks[1]).any()
    assert (masks[0] | masks[1]).sum() == 8 * 7


def test_a_straight_side_is_two_points() -> None:
    assert len(mask_polygons(np.ones((30, 20), bool))[0]) == 4


def test_pixels_that_touch_by_a_corner_are_outlined_apart() -> None:
    assert [len(outline) for outline in mask_polygons(np.eye(2, dtype=bool))] == [4, 4]
