from __future__ import annotations

import numpy as np
import pytest
import torch

from radloop.errors import StudyRejected
from radloop.segmentation.measures import Agreement, measure, measure_case


def cube(side: int, corner: tuple[int, int, int], room: int = 20) -> np.ndarray:
    mask = np.zeros((room,) * 3, bool)
    mask[tuple(slice(start, start + side) for start in corner)] = True
    return mask


def ball(radius_mm: float, spacing: tuple[float, float, float], room_mm: float = 40.0) -> np.ndarray:
    axes = [np.arange(0, room_mm, step) - room_mm / 2 for step in spacing]
    i, j, k = np.meshgrid(*axes, indexing="ij")
    return np.asarray(i**2 + j**2 + k**2 <= radius_mm**2)


def test_a_cube_moved_by_two_voxels_of_three_millimetres() -> None:
    found = measure(cube(10, (6, 4, 4)), cube(10, (4, 4, 4)), (3.0, 1.0, 1.0), 1.0)
    assert found.state == "found"
    assert found.dice == pytest.approx(2 * 800 / 2000)
    # the face that was left behind is 100 of 488 surface voxels, all 6 mm from the other cube
    assert found.hausdorff_95_mm == pytest.approx(6.0)
    assert found.volume_error_ml == found.volume_error == 0.0


def test_surface_dice_of_a_cube_moved_by_one_voxel_counted_by_hand() -> None:
    # 64 - 8 voxels are surface; rings of 12 in three common layers coincide, the inner 2 x 2 of faces do not
    one, other = cube(4, (4, 4, 4)), cube(4, (5, 4, 4))
    assert measure(one, other, (1.0, 1.0, 1.0), 0.0).surface_dice == pytest.approx(2 * 36 / (2 * 56))
    assert measure(one, other, (1.0, 1.0, 1.0), 1.0).surface_dice == 1.0
    assert measure(one, other, (2.0, 2.0, 2.0), 1.0).surface_dice == pytest.approx(2 * 36 / (2 * 56))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 0.5, 1.0)])
def test_a_sphere_that_is_three_millimetres_too_large(spacing: tuple[float, float, float]) -> None:
    found = measure(ball(13, spacing), ball(10, spacing), spacing, 4.5)
    shrunk = 10**3 / 13**3
    assert found.dice == pytest.approx(2 * shrunk / (1 + shrunk), abs=0.01)
    assert found.hausdorff_95_mm == pytest.approx(3.0, abs=max(spacing))
    assert found.surface_dice == 1.0 and measure(ball(13, spacing), ball(10, spacing), spacing, 1.5).surface_dice < 0.02
    assert found.volume_error == pytest.approx(13**3 / 10**3 - 1, rel=0.02)
    assert found.volume_error_ml == pytest.approx(4 / 3 * np.pi * (13**3 - 10**3) / 1000, rel=0.02)


def test_equal_masks_agree_in_everything() -> None:
    mask = ball(9, (1.0, 1.0, 2.0))
    assert measure(mask, mask, (1.0, 1.0, 2.0), 0.0) == Agreement("found", 1.0, 1.0, 0.0, 0.0, 0.0)


def test_empty_masks_are_told_by_their_state_and_have_no_distance() -> None:
    full, empty, spacing = cube(10, (0, 0, 0)), np.zeros((20,) * 3, bool), (1.0, 1.0, 1.0)
    assert measure(empty, empty, spacing, 1.0) == Agreement("absent", None, None, None, 0.0, None)
    assert measure(empty, full, spacing, 1.0) == Agreement("missed", 0.0, 0.0, None, -1.0, -1.0)
    assert measure(full, empty, spacing, 1.0) == Agreement("invented", 0.0, 0.0, None, 1.0, None)


def test_one_voxel_and_masks_that_fill_the_image_have_surfaces() -> None:
    full = np.ones((3, 3, 3), bool)
    dot = np.zeros_like(full)
    dot[1, 1, 1] = True
    found = measure(dot, full, (1.0, 1.0, 1.0), 1.0)
    assert found.dice == pytest.approx(2 / 28)
    # from the dot 1 mm to the nearest face's middle; back at most sqrt(3), from the corners: 8 of 26
    assert found.hausdorff_95_mm == pytest.approx(np.sqrt(3)) and found.surface_dice == pytest.approx((1 + 6) / 27)


@pytest.mark.parametrize("seed", range(5))
def test_irregular_masks_agree_as_monai_says(seed: int) -> None:
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance
    from monai.metrics.surface_dice import compute_surface_dice
    from scipy.ndimage import gaussian_filter

    rng, spacing = np.random.default_rng(seed), (0.7, 1.3, 2.5)
    one, other = (gaussian_filter(rng.standard_normal((24, 20, 12)), 2) > 0.02 for _ in "ab")
    ours = measure(one, other, spacing, 1.5)
    pair = [torch.from_numpy(np.stack([~mask, mask])[None].astype(np.float32)) for mask in (one, other)]
    distance = compute_hausdorff_distance(*pair, percentile=95, spacing=spacing)
    same = compute_surface_dice(*pair, class_thresholds=[1.5], spacing=spacing)
    assert ours.hausdorff_95_mm == pytest.approx(float(distance), rel=1e-4)
    assert ours.surface_dice == pytest.approx(float(same), rel=1e-4)


def test_films_are_measured_like_volumes() -> None:
    one, other = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    one[2:12, 2:12], other[2:12, 4:14] = True, True
    found = measure(one, other, (1.0, 0.5), 0.5)
    assert found.dice == pytest.approx(0.8) and found.hausdorff_95_mm == pytest.approx(1.0)


def test_each_label_of_a_case_is_measured_and_strange_ones_are_refused() -> None:
    truth = cube(4, (2, 2, 2)).astype(np.int32) + 2 * cube(4, (10, 10, 10))
    predicted = np.where(truth == 2, 0, truth)
    found = measure_case(predicted, truth, (1.0, 1.0, 1.0), (1, 2, 3), 1.0)
    assert {label: one.state for label, one in found.items()} == {1: "found", 2: "missed", 3: "absent"}
    with pytest.raises(StudyRejected, match=r"\[2\], and \(1,\) are declared"):
        measure_case(predicted, truth, (1.0, 1.0, 1.0), (1,), 1.0)
    with pytest.raises(StudyRejected, match="resample"):
        measure_case(predicted[:5], truth, (1.0, 1.0, 1.0), (1, 2), 1.0)
