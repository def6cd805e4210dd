"""SEG to voxel masks: frames are placed by their positions, never by their order.

Source: PS3.3 A.51, C.8.20.2 (Segmentation Image), C.8.20.4 (Label Map), C.7.6.16.2.3 (Plane Position).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import SegmentationStorage

from radloop.dicom.frames import frame_headers
from radloop.dicom.geometry import ROUNDED, plane_of
from radloop.dicom.pixels import decoded_frames
from radloop.dicom.read import items_of, text, whole
from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected

LABEL_MAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"  # Label Map Segmentation (PS3.4 B.5), newer than pydicom 3.0's list
ON_GRID = 0.01  # of a voxel: how far a frame's first pixel may lie from the volume's
Code = tuple[str, str, str]
"""A coded concept: value, scheme, meaning (PS3.3 8.8), for instance ("4147007", "SCT", "Mass")."""


@dataclass(frozen=True)
class Segment:
    """What one segment is: its number, label, category and type as codes, and the algorithm that drew it.

    An empty `algorithm` means that a person drew it. The label is free text: never in a log or a message.
    """

    number: int
    label: str = field(repr=False)
    category: Code
    kind: Code
    algorithm: str = ""
    version: str = ""


def read_segments(dataset: Dataset) -> list[Segment]:
    """The segments that a SEG describes, in the order of the object, background left out.

    Raises StudyRejected for another object and for numbers told twice.
    """
    _require_segmentation(dataset)
    segments = [_segment(item) for item in items_of(dataset, "SegmentSequence")]
    if len({segment.number for segment in segments}) != len(segments):
        raise StudyRejected("segment_numbers", "a segment number is told twice.", "export it again")
    return [segment for segment in segments if segment.number > 0]


def _require_segmentation(dataset: Dataset) -> None:
    if text(dataset, "SOPClassUID") not in (SegmentationStorage, LABEL_MAP_STORAGE):
        raise StudyRejected("not_seg", "the object is no Segmentation.", "choose the SEG")


def _segment(item: Dataset) -> Segment:
    automatic = text(item, "SegmentAlgorithmType").upper() != "MANUAL"
    algorithm = (items_of(item, "SegmentationAlgorithmIdentificationSequence") or [Dataset()])[0]
    name = text(item, "SegmentAlgorithmName") or text(algorithm, "AlgorithmName")
    return Segment(
        whole(item, "SegmentNumber", -1),
        text(item, "SegmentLabel"),
        _code(item, "SegmentedPropertyCategoryCodeSequence"),
        _code(item, "SegmentedPropertyTypeCodeSequence"),
        (name or "unknown") if automatic else "",
        text(algorithm, "AlgorithmVersion") if automatic else "",
    )


def _code(item: Dataset, keyword: str) -> Code:
    concept = (items_of(item, keyword) or [Dataset()])[0]
    return text(concept, "CodeValue"), text(concept, "CodingSchemeDesignator"), text(concept, "CodeMeaning")


def segment_masks(dataset: Dataset, volume: Volume) -> dict[int, np.ndarray]:
    """A bool mask [i, j, k] on the volume's grid for each segment number; slices without a frame are empty.

    Raises StudyRejected for fractional segments, another frame of reference, a frame that is not on the grid, and two
    frames of one segment in one place.
    """
    masks = {segment.number: np.zeros(volume.voxels.shape, bool, order="F") for segment in read_segments(dataset)}
    headers, seen = list(frame_headers(dataset)), set()
    for header, pixels in zip(headers, _pixels(dataset), strict=True):
        k, number = _slice_of(header, volume), whole(header, "ReferencedSegmentNumber", 0)
        if (k, number) in seen:
            raise StudyRejected("duplicate_frames", "two frames of one segment lie in one place.", "export it again")
        seen.add((k, number))
        for shown, inside in _inside(pixels, number).items():
            if shown not in masks:
                raise StudyRejected("segment_numbers", "a frame shows a segment that is not told.", "export it again")
            masks[shown][:, :, k] = inside.T
    return masks


def _inside(pixels: np.ndarray, number: int) -> dict[int, np.ndarray]:
    """The pixels of each segment that a frame shows: of its own, or in a label map of all that it holds."""
    if number:
        return {number: pixels > 0}
    return {int(value): pixels == value for value in np.unique(pixels) if value}


def _pixels(dataset: Dataset) -> np.ndarray:
    """All frames [frames, rows, columns]: bits for binary segments, numbers for a label map."""
    kind = text(dataset, "SegmentationType").upper()
    if kind not in ("BINARY", "LABELMAP"):
        raise StudyRejected(
            "segmentation_type", "the segments are neither binary nor a label map.", "say what counts as inside first"
        )
    return decoded_frames(dataset)


def _slice_of(header: Dataset, volume: Volume) -> int:
    """The slice on which a frame lies, pixel on pixel; anything else would need resampling, which nobody asked for."""
    plane = plane_of(header)
    if plane.frame_of_reference != volume.frame_of_reference:
        raise StudyRejected("frame_of_reference", "the SEG is told in another frame of reference.", "choose its images")
    steps = np.column_stack([plane.along_row * plane.spacing[1], plane.down_column * plane.spacing[0]])
    same_steps = np.abs(steps - volume.affine[:3, :2]).max() <= ROUNDED * plane.spacing.min()
    at = volume.indices(plane.position[None])[0]
    k = int(np.rint(at[2]))
    on_grid = np.abs(at - (0, 0, k)).max() <= ON_GRID and 0 <= k < volume.voxels.shape[2]
    if plane.shape != volume.voxels.shape[1::-1] or not same_steps or not on_grid:
        raise StudyRejected("grid", "a frame of the SEG does not lie on the volume's grid.", "choose its images")
    return k
