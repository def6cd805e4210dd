"""Contours become masks on the slices that they were drawn on, and masks become contours again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from radloop.dicom.read import parse_dicom
from radloop.dicom.series import series_volume
from radloop.dicom.structure_set import structure_set
from radloop.dicom.structures import Structure, mask_structure, read_structures, structure_mask
from radloop.dicom.volume import Source, Volume
from radloop.errors import StudyRejected

Series = Callable[..., list[Dataset]]
FileOf = Callable[[Dataset], bytes]
TILTED = [0.8, 0.6, 0, -0.36, 0.48, 0.8]


@pytest.fixture
def slices(series: Series) -> list[Dataset]:
    """An oblique stack, so that no axis is another's by chance."""
    normal = np.cross(TILTED[:3], TILTED[3:])
    return series(9, step=2.5 * normal, ImageOrientationPatient=TILTED)


@pytest.fixture
def volume(slices: list[Dataset]) -> Volume:
    """Its volume, 5x6x9 voxels."""
    return series_volume(slices)


def _square(volume: Volume, k: float, low: float = 0.5, high: float = 3.5) -> np.ndarray:
    return volume.positions(np.array([[low, low, k], [high, low, k], [high, high, k], [low, high, k]]))


def _structure(volume: Volume, *contours: np.ndarray) -> Structure:
    return Structure(7, "of Quentin", contours, volume.frame_of_reference)


def test_a_contour_marks_the_voxels_inside_on_its_slice_alone(volume: Volume) -> None:
    mask = structure_mask(_structure(volume, _square(volume, 2), _square(volume, 3)), volume)
    expected = np.zeros((5, 6, 9), bool)
    expected[1:4, 1:4, 2:4] = True
    np.testing.assert_array_equal(mask, expected)


def test_a_contour_in_a_contour_is_a_hole(volume: Volume) -> None:
    mask = structure_mask(_structure(volume, _square(volume, 2), _square(volume, 2, 1.5, 2.5)), volume)
    assert mask.sum() == 9 - 1 and not mask[2, 2, 2]


def test_a_contour_a_little_off_its_slice_is_taken_to_be_on_it(volume: Volume) -> None:
    assert structure_mask(_structure(volume, _square(volume, 2.05)), volume)[:, :, 2].sum() == 9


def _reason(structure: Structure, volume: Volume) -> str:
    with pytest.raises(StudyRejected) as refused:
        structure_mask(structure, volume)
    assert refused.value.next_step and "Quentin" not in str(refused.value)
    return refused.value.reason


@pytest.mark.parametrize(
    ("k", "low", "high", "reason"),
    [
        (2.5, 0.5, 3.5, "contour_off_slice"),
        (2.2, 0.5, 3.5, "contour_off_slice"),
        (-1, 0.5, 3.5, "contour_outside"),
        (9, 0.5, 3.5, "contour_outside"),
        (2, -0.6, 3.5, "contour_outside"),
        (2, 0.5, 4.6, "contour_outside"),
    ],
)
def test_a_contour_that_no_slice_holds_is_refused(
    volume: Volume, k: float, low: float, high: float, reason: str
) -> None:
    assert _reason(_structure(volume, _square(volume, 3), _square(volume, k, low, high)), volume) == reason


def test_a_contour_across_slices_is_refused(volume: Volume) -> None:
    across = volume.positions(np.array([[1, 1, 2], [3, 1, 2], [2, 1, 4]]))
    assert _reason(_structure(volume, across), volume) == "contour_off_slice"


def test_a_region_drawn_on_every_other_slice_is_refused_and_two_islands_are_not(volume: Volume) -> None:
    assert _reason(_structure(volume, *(_square(volume, k) for k in (1, 3, 5))), volume) == "contours_skip_slices"
    islands = _structure(volume, *(_square(volume, k) for k in (1, 2, 6)))
    assert structure_mask(islands, volume).sum() == 27


def test_another_frame_of_reference_and_an_empty_region_are_refused(volume: Volume) -> None:
    structure = _structure(volume, _square(volume, 2))
    assert _reason(replace(structure, frame_of_reference="1.2.3"), volume) == "frame_of_reference"
    assert _reason(replace(structure, frame_of_reference=""), volume) == "frame_of_reference"
    assert _reason(replace(structure, contours=()), volume) == "no_contours"


def test_what_lands_in_a_log_names_neither_region_nor_image(slices: list[Dataset], volume: Volume) -> None:
    said = repr((_structure(volume, _square(volume, 2)), volume, volume.sources))
    assert "Quentin" not in said and slices[0].SOPInstanceUID not in said and volume.frame_of_reference not in said


@pytest.fixture
def mask() -> np.ndarray:
    """A mask with holes, islands and voxels at every edge."""
    return np.random.default_rng(5).random((5, 6, 9)) < 0.5


def test_a_mask_goes_through_a_file_and_comes_back_exactly(
    slices: list[Dataset], volume: Volume, mask: np.ndarray, file_of: FileOf
) -> None:
    other = np.zeros_like(mask)
    other[0, 0, 0] = True
    regions = [mask_structure(mask, volume, 1, "lung"), mask_structure(other, volume, 4, "spot")]
    written = structure_set(regions, volume, slices[3])
    assert (written.PatientID, written.StudyInstanceUID) == ("invented", slices[0].StudyInstanceUID)
    read = read_structures(parse_dicom(file_of(written)))
    assert [(one.number, one.name) for one in read] == [(1, "lung"), (4, "spot")]
    np.testing.assert_array_equal(structure_mask(read[0], volume), mask)
    np.testing.assert_array_equal(structure_mask(read[1], volume), other)


def test_every_written_contour_names_the_image_that_it_lies_on(
    slices: list[Dataset], volume: Volume, mask: np.ndarray
) -> None:
    by_uid = {one.SOPInstanceUID: one for one in slices}
    written = structure_set([mask_structure(mask, volume, 1, "lung")], volume, slices[0])
    for contour in written.ROIContourSequence[0].ContourSequence:
        image = by_uid[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
        points = np.array(contour.ContourData, float).reshape(-1, 3)
        normal = np.cross(TILTED[:3], TILTED[3:])
        assert np.abs((points - np.array(image.ImagePositionPatient, float)) @ normal).max() < 1e-3


def test_equal_regions_make_equal_files_and_others_others(
    slices: list[Dataset], volume: Volume, mask: np.ndarray, file_of: FileOf
) -> None:
    once, twice, other = (
        structure_set([mask_structure(one, volume, 1, "lung")], volume, slices[0]) for one in (mask, mask, ~mask)
    )
    assert file_of(once) == file_of(twice)
    assert once.SOPInstanceUID != other.SOPInstanceUID
    moved = replace(volume, sources=(*volume.sources[:-1], Source("1.2.3")))
    region = mask_structure(mask, volume, 1, "lung")
    assert structure_set([region], moved, slices[0]).SOPInstanceUID != once.SOPInstanceUID


def test_frames_of_one_object_are_named_by_number(
    series: Series, enhanced: Callable[..., Dataset], mask: np.ndarray
) -> None:
    joined = enhanced(series(9)[::-1])
    volume = series_volume([joined])
    written = structure_set([mask_structure(mask, volume, 1, "lung")], volume, joined)
    first = written.ROIContourSequence[0].ContourSequence[0].ContourImageSequence[0]
    assert first.ReferencedFrameNumber == 9, "the lowest slice is the last frame"


def test_a_mask_that_cannot_be_outlined_is_refused(slices: list[Dataset], volume: Volume, mask: np.ndarray) -> None:
    for bad in (np.zeros_like(mask), mask[1:]):
        with pytest.raises(StudyRejected):
            mask_structure(bad, volume, 1, "lung")
    region = mask_structure(mask, volume, 1, "lung")
    with pytest.raises(StudyRejected, match="does not name the images"):
        structure_set([region], replace(volume, sources=()), slices[0])
    slices[0].SOPInstanceUID = "1.2.3"
    with pytest.raises(StudyRejected, match="none of the volume's"):
        structure_set([region], volume, slices[0])


def _spoil(keyword: str, value: Any) -> Callable[[Dataset], None]:
    return lambda written: setattr(written.ROIContourSequence[0].ContourSequence[0], keyword, value)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_spoil("ContourGeometricType", "OPEN_PLANAR"), "contour_type"),
        (_spoil("ContourGeometricType", "POINT"), "contour_type"),
        (_spoil("ContourData", ["1", "2", "3"]), "contour_data"),
        (_spoil("ContourData", ["1"] * 10), "contour_data"),
        (_spoil("ContourData", ["nan"] * 9), "contour_data"),
        (lambda written: setattr(written.ROIContourSequence[0], "ReferencedROINumber", 3), "roi_numbers"),
        (lambda written: setattr(written, "SOPClassUID", "1.2.3"), "not_rtstruct"),
    ],
)
def test_a_malformed_structure_set_is_refused(
    slices: list[Dataset], volume: Volume, mask: np.ndarray, spoil: Callable[[Dataset], None], reason: str
) -> None:
    written = structure_set([mask_structure(mask, volume, 1, "of Quentin")], volume, slices[0])
    spoil(written)
    with pytest.raises(StudyRejected) as refused:
        read_structures(written)
    assert refused.value.reason == reason
    assert "Quentin" not in str(refused.value)
