"""Enhanced objects give the volumes of their frames, wherever the frames lie in the object."""

from __future__ import annotations

import random
from collections.abc import Callable

import highdicom
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from radloop.dicom.pixels import stored_values
from radloop.dicom.read import read_dicom
from radloop.dicom.series import series_volume
from radloop.errors import StudyRejected

Series = Callable[..., list[Dataset]]
Enhanced = Callable[..., Dataset]
FileOf = Callable[[Dataset], bytes]


@pytest.mark.parametrize("seed", range(3))
def test_frames_in_any_order_give_the_volume_of_the_single_images(
    series: Series, enhanced: Enhanced, seed: int
) -> None:
    slices = series(6)
    shuffled = random.Random(seed).sample(slices, 6)
    single, joined = series_volume(slices), series_volume([enhanced(shuffled)])
    np.testing.assert_array_equal(joined.voxels, single.voxels)
    np.testing.assert_allclose(joined.affine, single.affine)
    frames = [source.frame for source in joined.sources]
    assert [shuffled[frame - 1] for frame in frames] == slices


def test_an_enhanced_ct_with_a_rescale_per_frame_agrees_with_the_oracle(series: Series, enhanced: Enhanced) -> None:
    slices = series(Modality="CT", RescaleSlope="1", RescaleIntercept="-1024")
    for one in slices:
        one.RescaleSlope = str(one.InstanceNumber)
    joined = enhanced(slices)
    volume = series_volume([joined])
    assert volume.unit == "HU"
    for k, one in enumerate(slices):
        np.testing.assert_array_equal(volume.voxels[:, :, k], stored_values(one).T * (k + 1.0) - 1024)
    oracle = highdicom.Image.from_dataset(joined).get_volume(dtype=np.float64)
    place = oracle.map_indices_to_reference(np.array([[0, 0, 0]]))
    i, j, k = np.rint(volume.indices(place)).astype(int)[0]
    assert volume.voxels[i, j, k] == oracle.array[0, 0, 0]


def test_compressed_frames_are_decoded(series: Series, enhanced: Enhanced) -> None:
    joined = enhanced(series())
    plain = series_volume([joined]).voxels
    joined.compress(RLELossless)
    np.testing.assert_array_equal(series_volume([joined]).voxels, plain)


def test_an_object_split_over_two_files_is_one_volume(series: Series, enhanced: Enhanced) -> None:
    slices = series(6)
    halves = [enhanced(slices[:2]), enhanced(slices[2:], SOPInstanceUID="1.2.826.0.9.5")]
    np.testing.assert_array_equal(series_volume(halves).voxels, series_volume(slices).voxels)


def test_two_times_in_one_object_are_refused(series: Series, enhanced: Enhanced) -> None:
    joined = enhanced(series(6))
    for at, groups in enumerate(joined.PerFrameFunctionalGroupsSequence):
        groups.FrameContentSequence[0].TemporalPositionIndex = 1 + at % 2
    with pytest.raises(StudyRejected, match="TemporalPositionIndex") as told:
        series_volume([joined])
    assert told.value.reason == "several_volumes"


def test_a_position_at_the_top_of_an_enhanced_object_places_no_frame(series: Series, enhanced: Enhanced) -> None:
    joined = enhanced(series())
    del joined.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence
    joined.ImagePositionPatient = [0, 0, 0]
    with pytest.raises(StudyRejected) as told:
        series_volume([joined])
    assert told.value.reason == "no_ImagePositionPatient"


def test_functional_groups_for_another_number_of_frames_are_refused(series: Series, enhanced: Enhanced) -> None:
    joined = enhanced(series())
    del joined.PerFrameFunctionalGroupsSequence[2]
    with pytest.raises(StudyRejected, match="4 functional groups do not describe 5 frames"):
        series_volume([joined])


def test_several_frames_without_groups_are_refused(series: Series, enhanced: Enhanced) -> None:
    joined = enhanced(series())
    del joined.PerFrameFunctionalGroupsSequence
    with pytest.raises(StudyRejected) as told:
        series_volume([joined])
    assert told.value.reason == "frames_without_places"


def test_frames_that_were_cut_off_are_refused(series: Series, enhanced: Enhanced) -> None:
    joined = enhanced(series())
    joined.PixelData = joined.PixelData[:-2]
    with pytest.raises(StudyRejected) as told:
        series_volume([joined])
    assert told.value.reason == "truncated"


def test_a_forged_number_of_frames_allocates_nothing(series: Series, enhanced: Enhanced) -> None:
    with pytest.raises(StudyRejected) as told:
        series_volume([enhanced(series(), NumberOfFrames=2_000_000_000)])
    assert told.value.reason == "image_size"


def test_a_reader_of_single_images_still_refuses_several_frames(
    series: Series, enhanced: Enhanced, file_of: FileOf
) -> None:
    joined = enhanced(series())
    with pytest.raises(StudyRejected) as told:
        read_dicom(file_of(joined))
    assert told.value.reason == "multi_frame"
    with pytest.raises(StudyRejected, match="more than one frame"):
        stored_values(joined)
