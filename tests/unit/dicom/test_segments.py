"""Segmentations are read by place and written so that they come back exactly."""

from __future__ import annotations

import importlib
import random
import warnings
from collections.abc import Callable
from typing import Any

import highdicom
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import pack_bits

import radloop.dicom
from radloop.dicom.read import parse_dicom
from radloop.dicom.segmentation import segmentation
from radloop.dicom.segments import Segment, read_segments, segment_masks
from radloop.dicom.series import series_volume
from radloop.errors import StudyRejected

Series = Callable[..., list[Dataset]]
Enhanced = Callable[..., Dataset]
FileOf = Callable[[Dataset], bytes]
ORGAN, TISSUE = ("123037004", "SCT", "Anatomical Structure"), ("85756007", "SCT", "Tissue")
SEGMENTS = [
    Segment(1, "lung", ORGAN, ("39607008", "SCT", "Lung")),
    Segment(2, "of Quentin", TISSUE, ("4147007", "SCT", "Mass"), "radloop", "1.2"),
]
MASKS = {1: np.zeros((5, 6, 7), bool), 2: np.zeros((5, 6, 7), bool)}
MASKS[1][1:4, 2:, 1:4] = True
MASKS[2][0, :3, 3:6] = True


@pytest.mark.parametrize("label_map", [False, True])
def test_masks_go_through_a_file_and_come_back_exactly(series: Series, file_of: FileOf, label_map: bool) -> None:
    slices = series(7)
    volume = series_volume(slices)
    written = segmentation(MASKS, SEGMENTS, volume, random.Random(0).sample(slices, 7), label_map=label_map)
    read = parse_dicom(file_of(written))
    assert read_segments(read) == SEGMENTS
    masks = segment_masks(read, volume)
    for number, mask in MASKS.items():
        np.testing.assert_array_equal(masks[number], mask)


def test_overlapping_masks_are_kept_in_bits_and_refused_in_a_label_map(series: Series) -> None:
    slices = series(7)
    volume = series_volume(slices)
    both = {1: MASKS[1], 2: MASKS[1] | MASKS[2]}
    masks = segment_masks(segmentation(both, SEGMENTS, volume, slices), volume)
    np.testing.assert_array_equal(masks[2], both[2])
    with pytest.raises(StudyRejected, match="masks overlap"):
        segmentation(both, SEGMENTS, volume, slices, label_map=True)


def test_frames_of_an_enhanced_object_in_any_order_are_segmented_in_place(series: Series, enhanced: Enhanced) -> None:
    slices = series(7)
    joined = enhanced(random.Random(3).sample(slices, 7))
    volume = series_volume([joined])
    written = segmentation(MASKS, SEGMENTS, volume, [joined])
    for target in (volume, series_volume(slices)):
        np.testing.assert_array_equal(segment_masks(written, target)[1], MASKS[1])


def test_the_order_of_frames_in_the_object_says_nothing(series: Series) -> None:
    slices = series(7)
    volume = series_volume(slices)
    written = segmentation(MASKS, SEGMENTS, volume, slices)
    order = random.Random(1).sample(range(written.NumberOfFrames), written.NumberOfFrames)
    frames = written.pixel_array[order]
    written.PerFrameFunctionalGroupsSequence = [written.PerFrameFunctionalGroupsSequence[at] for at in order]
    written.PixelData = pack_bits(frames.ravel())
    for number, mask in segment_masks(_plain(written), volume).items():
        np.testing.assert_array_equal(mask, MASKS[number])


def _plain(written: Dataset) -> Dataset:
    """Without what highdicom remembers of the object as it was."""
    plain = Dataset()
    plain.update({element.tag: element for element in written})
    plain.file_meta = written.file_meta
    return plain


def test_written_frames_lie_where_the_oracle_finds_them(series: Series) -> None:
    along, down = np.array([0.8, 0.6, 0]), np.array([-0.36, 0.48, 0.8])
    slices = series(7, step=2 * np.cross(along, down), ImageOrientationPatient=[*along, *down])
    volume = series_volume(slices)
    written = segmentation(MASKS, SEGMENTS, volume, slices)
    oracle = highdicom.seg.Segmentation.from_dataset(_plain(written)).get_volume(segment_numbers=[1])
    places = oracle.map_indices_to_reference(np.argwhere(oracle.array[..., 0]))
    marked = np.rint(volume.indices(places)).astype(int)
    assert sorted(map(tuple, marked.tolist())) == sorted(map(tuple, np.argwhere(MASKS[1]).tolist()))


def test_no_warning_quotes_a_patient_s_name(series: Series) -> None:
    slices = series(7, PatientName="Quentin")
    with warnings.catch_warnings(record=True) as loud:
        warnings.simplefilter("always")
        segmentation(MASKS, SEGMENTS, series_volume(slices), slices)
    assert any("Quentin" in str(one.message) for one in loud), "highdicom would"
    with warnings.catch_warnings(record=True) as silent:
        warnings.simplefilter("always")
        importlib.reload(radloop.dicom)
        segmentation(MASKS, SEGMENTS, series_volume(slices), slices)
    assert [str(one.message) for one in silent] == []


def test_equal_masks_make_equal_uids(series: Series) -> None:
    slices = series(7)
    volume = series_volume(slices)
    once, twice = (segmentation(MASKS, SEGMENTS, volume, slices) for _ in range(2))
    other = segmentation({1: MASKS[2], 2: MASKS[1]}, SEGMENTS, volume, slices)
    assert once.SOPInstanceUID == twice.SOPInstanceUID != other.SOPInstanceUID


@pytest.mark.parametrize(
    "target",
    [
        {"step": (0, 0, 2.0)},
        {"PixelSpacing": ["0.7", "0.91"]},
        {"ImageOrientationPatient": [-1, 0, 0, 0, -1, 0]},
        {"pixels": np.zeros((7, 5))},
        {"FrameOfReferenceUID": "1.2.3"},
        {"count": 3},
        {"origin": (-10.45, -20, 30)},
        {"origin": (-10, -20.1, 30)},
        {"origin": (-10, -20, 31)},
    ],
)
def test_a_volume_of_another_grid_is_refused(series: Series, target: dict[str, Any]) -> None:
    slices = series(7)
    written = segmentation(MASKS, SEGMENTS, series_volume(slices), slices)
    with pytest.raises(StudyRejected) as refused:
        segment_masks(written, series_volume(series(**{"count": 7, **target})))
    assert refused.value.reason in ("grid", "frame_of_reference")


def _reason(written: Dataset, slices: list[Dataset]) -> str:
    with pytest.raises(StudyRejected) as refused:
        segment_masks(written, series_volume(slices))
    assert refused.value.next_step and "Quentin" not in str(refused.value)
    return refused.value.reason


def test_what_a_segmentation_leaves_open_is_not_guessed(series: Series) -> None:
    slices = series(7)
    written = _plain(segmentation(MASKS, SEGMENTS, series_volume(slices), slices))
    groups = written.PerFrameFunctionalGroupsSequence
    groups[1].PlanePositionSequence = groups[0].PlanePositionSequence
    assert _reason(written, slices) == "duplicate_frames"
    groups[1].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 3
    assert _reason(written, slices) == "segment_numbers"
    written.SegmentationType = "FRACTIONAL"
    assert _reason(written, slices) == "segmentation_type"
    written.SegmentSequence[1].SegmentNumber = 1
    assert _reason(written, slices) == "segment_numbers"
    assert _reason(slices[0], slices) == "not_seg"


def test_a_label_that_no_segment_tells_is_refused(series: Series) -> None:
    slices = series(7)
    written = _plain(segmentation(MASKS, SEGMENTS, series_volume(slices), slices, label_map=True))
    written.SegmentSequence = [item for item in written.SegmentSequence if item.SegmentNumber != 2]
    assert _reason(written, slices) == "segment_numbers"


@pytest.mark.parametrize(
    ("masks", "segments"),
    [
        ({1: MASKS[1]}, SEGMENTS),
        ({1: MASKS[1], 3: MASKS[2]}, SEGMENTS),
        ({1: MASKS[1], 2: MASKS[2]}, SEGMENTS[::-1]),
        ({1: MASKS[1], 2: MASKS[2][1:]}, SEGMENTS),
        ({1: MASKS[1] & False, 2: MASKS[2] & False}, SEGMENTS),
    ],
    ids=["one missing", "gap", "order", "grid", "empty"],
)
def test_masks_that_do_not_fit_are_not_written(
    series: Series, masks: dict[int, np.ndarray], segments: list[Segment]
) -> None:
    slices = series(7)
    with pytest.raises(StudyRejected):
        segmentation(masks, segments, series_volume(slices), slices)


def test_images_that_did_not_make_the_volume_are_refused(series: Series, enhanced: Enhanced) -> None:
    slices = series(7)
    volume = series_volume(slices)
    with pytest.raises(StudyRejected, match="1 images of the volume are not given"):
        segmentation(MASKS, SEGMENTS, volume, slices[1:])
    halves = [enhanced(slices[:2]), enhanced(slices[2:], SOPInstanceUID="1.2.826.0.9.5")]
    with pytest.raises(StudyRejected, match="not all frames of one object"):
        segmentation(MASKS, SEGMENTS, series_volume(halves), halves)
