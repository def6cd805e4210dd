"""Sizes of lesions on volumes whose sizes are known."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected
from radloop.modeling.outcome.lesions import GONE, LesionSize, lesion_sizes


def ellipsoid(half: tuple[float, float, float], spacing: tuple[float, float, float]) -> Volume:
    shape = [int(2 * h / s) + 5 for h, s in zip(half, spacing, strict=True)]
    grid = np.stack(np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in shape], indexing="ij"), -1) * spacing
    return Volume(((grid / half) ** 2).sum(-1).__le__(1).astype(np.int16), np.diag([*spacing, 1.0]))


def test_a_ball_has_its_volume_and_diameter() -> None:
    size = lesion_sizes(ellipsoid((12, 12, 12), (0.5, 0.5, 1.0)))[1]
    assert size.millilitres == pytest.approx(4 / 3 * np.pi * 1.2**3, rel=0.01)
    assert size.longest == pytest.approx(24, abs=0.5)


def test_the_diameter_is_taken_across_the_body_and_not_along_it() -> None:
    assert lesion_sizes(ellipsoid((6, 9, 30), (0.5, 0.5, 0.5)))[1].longest == pytest.approx(18, abs=0.5)


def test_slices_of_a_coronal_series_are_still_measured_across_the_body() -> None:
    upright = ellipsoid((6, 9, 30), (0.5, 0.5, 0.5))
    turned = Volume(np.moveaxis(upright.voxels, 2, 1), upright.affine[:, [0, 2, 1, 3]])
    assert lesion_sizes(turned)[1] == lesion_sizes(upright)[1]


def test_an_oblique_affine_changes_no_size() -> None:
    straight = ellipsoid((6, 9, 7), (0.5, 0.5, 1.0))
    angle = np.radians(20)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    found, wanted = lesion_sizes(Volume(straight.voxels, turn @ straight.affine))[1], lesion_sizes(straight)[1]
    assert (found.longest, found.millilitres) == pytest.approx((wanted.longest, wanted.millilitres))


def test_one_voxel_is_as_long_as_it_is_wide() -> None:
    voxels = np.zeros((3, 3, 3), np.uint8)
    voxels[1, 1, 1] = 1
    size = lesion_sizes(Volume(voxels, np.diag([2.0, 3.0, 5.0, 1.0])))[1]
    assert (size.millilitres, size.longest) == (pytest.approx(0.03), 3.0)


def test_each_label_is_a_lesion_of_its_own() -> None:
    voxels = np.zeros((20, 20, 2), np.int32)
    voxels[2:6, 2, 0], voxels[10, 3:18, 1] = 1, 4
    found = lesion_sizes(Volume(voxels, np.eye(4)))
    assert {label: size.longest for label, size in found.items()} == {1: 4.0, 4: 15.0}


def test_a_diagonal_line_is_as_long_as_its_ends_are_apart() -> None:
    voxels = np.eye(10, dtype=np.uint8)[:, :, None]
    assert lesion_sizes(Volume(voxels, np.eye(4)))[1].longest == pytest.approx(np.hypot(10, 9))


@pytest.mark.parametrize("labels", [np.full((2, 2, 2), -1), np.full((2, 2, 2), 0.5), np.full((2, 2, 2), np.nan)])
def test_labels_that_are_no_numbers_of_lesions_are_refused(labels: np.ndarray) -> None:
    with pytest.raises(StudyRejected, match="whole numbers"):
        lesion_sizes(Volume(labels, np.eye(4)))


def test_an_empty_mask_has_no_lesion_and_a_gone_one_no_size() -> None:
    assert lesion_sizes(Volume(np.zeros((2, 2, 2), np.uint8), np.eye(4))) == {}
    assert (GONE.millilitres, GONE.longest) == (0, 0)
    with pytest.raises(StudyRejected, match="no size"):
        LesionSize(-1, 3)
