"""A volume keeps its voxels and their places together."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.dicom.volume import Source, Volume
from radloop.errors import StudyRejected

AFFINE = np.array([[0.0, -0.7, 0, 5], [0.9, 0, 0, -6], [0, 0, 2.5, 7], [0, 0, 0, 1]])
VOXELS = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def test_left_and_back_become_right_and_front_and_back_again() -> None:
    voxels, ras = Volume(VOXELS, AFFINE).to_ras()
    assert voxels is VOXELS
    np.testing.assert_array_equal(ras[:2], -AFFINE[:2])
    np.testing.assert_array_equal(ras[2:], AFFINE[2:])
    np.testing.assert_array_equal(Volume.from_ras(voxels, ras).affine, AFFINE)


def test_positions_and_indices_are_each_other_s_inverse() -> None:
    volume = Volume(VOXELS, AFFINE)
    np.testing.assert_allclose(volume.positions(np.array([[1, 2, 3]])), [[5 - 1.4, -6 + 0.9, 7 + 7.5]])
    points = np.random.default_rng(0).normal(size=(9, 3)) * 50
    np.testing.assert_allclose(volume.positions(volume.indices(points)), points, atol=1e-9)
    np.testing.assert_allclose(volume.spacing, [0.9, 0.7, 2.5])


def test_other_voxels_keep_the_place_and_must_fit() -> None:
    volume = Volume(VOXELS, AFFINE, "1.2", "HU", (Source("1.2.3"),))
    other = volume.with_voxels(VOXELS + 1, "mm")
    assert (other.frame_of_reference, other.unit, other.sources) == ("1.2", "mm", volume.sources)
    np.testing.assert_array_equal(other.affine, AFFINE)
    with pytest.raises(StudyRejected, match="do not lie on a grid"):
        volume.with_voxels(VOXELS.T)


def test_an_affine_cannot_be_changed_under_a_volume() -> None:
    mine = AFFINE.copy()
    volume = Volume(VOXELS, mine)
    mine[0, 3] = 99
    assert volume.affine[0, 3] == 5
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 3] = 99


@pytest.mark.parametrize(
    "affine",
    [np.eye(3), np.full((4, 4), np.nan), np.diag([1.0, 1, 0, 1]), np.array([*AFFINE[:3], [0, 0, 1, 1]])],
    ids=["small", "nan", "flat", "projective"],
)
def test_an_affine_that_is_no_place_is_refused(affine: np.ndarray) -> None:
    with pytest.raises(StudyRejected) as told:
        Volume(VOXELS, affine)
    assert told.value.reason == "no_geometry"


def test_a_mirrored_affine_is_a_place_too_and_has_no_shear() -> None:
    assert Volume(VOXELS, AFFINE @ np.diag([1.0, 1, -1, 1])).shear == pytest.approx(0)


def test_one_window_for_all_slices() -> None:
    grey = Volume(VOXELS, AFFINE, unit="HU").windowed(10, 4)
    np.testing.assert_allclose(grey.voxels.ravel()[[0, 8, 9, 10, 12, 23]], [0, 0, 0.25, 0.5, 1, 1])
    assert grey.unit == ""
    with pytest.raises(StudyRejected, match="width 0"):
        Volume(VOXELS, AFFINE).windowed(10, 0)
