"""What is cut out, resampled and re-segmented before anything is counted, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected
from radloop.radiomics import Resample, Resegment, RoiSettings
from radloop.radiomics.grid import Grid
from radloop.radiomics.region import region

Draw = Callable[..., Volume]
KNOBS = RoiSettings()


def refused(image: Volume, mask: Volume, settings: RoiSettings = KNOBS) -> str:
    with pytest.raises(StudyRejected) as told:
        region(image, mask, settings)
    return told.value.reason


def test_a_mask_of_another_shape_or_place_is_refused(draw: Draw) -> None:
    image = draw(np.zeros((4, 4, 4)))
    assert refused(image, draw(np.ones((4, 4, 3)))) == "grid"
    assert refused(image, draw(np.ones((4, 4, 4)), (1, 1, 1.1))) == "grid"
    moved = Volume(np.ones((4, 4, 4)), np.array([[1, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]))
    assert refused(image, moved) == "grid"


def test_an_empty_mask_and_a_label_that_nobody_drew_are_refused(draw: Draw) -> None:
    image = draw(np.zeros((3, 3, 3)))
    assert refused(image, draw(np.zeros((3, 3, 3)))) == "empty_mask"
    assert refused(image, draw(np.ones((3, 3, 3))), RoiSettings(label=2)) == "empty_mask"


def test_a_label_is_one_region_of_several(draw: Draw) -> None:
    labels = np.zeros((3, 3, 3), int)
    labels[0], labels[2] = 1, 2
    found = region(draw(np.zeros((3, 3, 3))), draw(labels), RoiSettings(label=2))
    assert found.shape.sum() == 9


def test_what_is_no_number_is_refused_near_the_region_and_nowhere_else(draw: Draw) -> None:
    values, inside = np.zeros((30, 5, 5)), np.zeros((30, 5, 5))
    inside[2, 2, 2] = 1
    values[29, 0, 0] = np.nan
    assert region(draw(values), draw(inside), KNOBS).shape.sum() == 1
    values[3, 2, 2] = np.inf
    assert refused(draw(values), draw(inside)) == "not_a_number"


def test_thick_slices_are_refused_in_space_and_counted_in_planes(draw: Draw) -> None:
    image, mask = draw(np.zeros((4, 4, 4)), (1, 1, 11)), draw(np.ones((4, 4, 4)), (1, 1, 11))
    assert refused(image, mask) == "anisotropy"
    flat = RoiSettings(aggregations=("2D_avg",), families=("cm",))
    assert region(image, mask, flat).shape.all()
    assert region(image, mask, RoiSettings(resample=Resample(spacing=(1, 1, 1)))).spacing.tolist() == [1, 1, 1]


def test_a_range_keeps_its_bounds_and_outliers_are_judged_on_the_whole_region(draw: Draw) -> None:
    values = np.array([0.0] * 6 + [1, 50]).reshape(2, 2, 2)
    image, mask = draw(values), draw(np.ones((2, 2, 2)))
    ranged = region(image, mask, RoiSettings(resegment=Resegment(range=(0, 1))))
    assert ranged.counted.sum() == 7 and ranged.shape.sum() == 8
    # mean 6.4, SD 16.5: only 50 lies more than 2 SD away; of those from 0 to 1 alone, 1 would
    both = region(image, mask, RoiSettings(resegment=Resegment(range=(0, 1), outliers=2)))
    assert both.counted.sum() == 7
    assert refused(image, mask, RoiSettings(resegment=Resegment(range=(2, 3)))) == "empty_region"


def test_resampling_keeps_a_straight_slope_and_the_centre_of_the_image(draw: Draw) -> None:
    i, j, k = np.meshgrid(np.arange(12.0), np.arange(10.0) * 2, np.arange(8.0) * 3, indexing="ij")
    image = draw(i + 10 * j - k, (1, 2, 3))
    knobs = RoiSettings(resample=Resample(spacing=(1.5, 1.5, 1.5), image="linear"))
    inside = np.zeros((12, 10, 8))
    inside[3:9, 3:7, 2:6] = 1
    found = region(image, draw(inside, (1, 2, 3)), knobs)
    assert found.spacing.tolist() == [1.5, 1.5, 1.5]
    seen = found.values[found.shape]
    # the region is 6 x 8 x 12 mm around (5.5, 9, 10.5), where the slope is 85
    assert seen.mean() == pytest.approx(5.5 + 90 - 10.5)
    steps = np.diff(found.values[1:-1, 1:-1, 1:-1], axis=1)
    np.testing.assert_allclose(steps, 15)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_resampling_by_axes_is_that_of_scipy_in_space(order: int) -> None:
    values = np.random.default_rng(0).normal(size=(14, 11, 9))
    grid = Grid.over(values.shape, np.array([1.0, 1, 2]), np.array([0.7, 1.3, 1.5]))
    box = tuple(slice(0, int(n)) for n in grid.count)
    ours = grid.sample(values, [0, 0, 0], box, order)
    places = np.meshgrid(
        *(np.clip(f + np.arange(n) * s, 0, m - 1) for f, n, s, m in
          zip(grid.first, grid.count, grid.step, values.shape, strict=True)), indexing="ij",
    )  # fmt: skip
    np.testing.assert_allclose(ours, ndimage.map_coordinates(values, places, order=order, mode="mirror"), atol=1e-9)


@pytest.mark.parametrize("order", [1, 3])
def test_what_is_resampled_of_a_part_is_what_is_resampled_of_the_whole(order: int) -> None:
    values = np.random.default_rng(1).normal(size=(80, 9, 9))
    grid = Grid.over(values.shape, np.ones(3), np.array([1.7, 1, 1]))
    whole = grid.sample(values, [0, 0, 0], (slice(20, 28), slice(0, 9), slice(0, 9)), order)
    part = grid.sample(values[8:75], [8, 0, 0], (slice(20, 28), slice(0, 9), slice(0, 9)), order)
    np.testing.assert_allclose(part, whole, atol=1e-9)


def test_whole_numbers_stay_whole_and_an_axis_of_nought_stays_as_it_is(draw: Draw) -> None:
    values = np.random.default_rng(0).integers(-900, 900, (6, 6, 3)).astype(float)
    knobs = RoiSettings(resample=Resample(spacing=(0.8, 0.8, 0), whole_numbers=True))
    found = region(draw(values, (1, 1, 4)), draw(np.ones(values.shape), (1, 1, 4)), knobs)
    assert found.spacing.tolist() == [0.8, 0.8, 4] and found.values.shape == (8, 8, 3)
    np.testing.assert_array_equal(found.values, np.rint(found.values))
