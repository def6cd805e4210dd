"""Images to frames: one header and one plane of pixels each, whether they came as many files or as one.

An enhanced object tells what is true for all frames in its shared functional groups and what differs in its
per-frame ones (PS3.3 C.7.6.16). Here every frame gets a header of its own with the plain attributes, so that
everything behind this door reads one kind of header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from radloop.dicom.frame_reader import FrameReader
from radloop.dicom.read import items_of, text, whole
from radloop.errors import StudyRejected

#: What a frame takes over from its object. Positions at the top of an enhanced object mean nothing and stay there.
_OF_THE_OBJECT = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PhotometricInterpretation", "ImageType",
)  # fmt: skip

#: The functional groups that say where a frame lies, what its values mean, and when or how it was taken.
_GROUPS = (
    "PixelMeasuresSequence", "PlanePositionSequence", "PlaneOrientationSequence", "PixelValueTransformationSequence",
    "FrameVOILUTSequence", "FrameContentSequence", "MREchoSequence", "MRDiffusionSequence",
    "CardiacSynchronizationSequence", "SegmentIdentificationSequence", "CTImageFrameTypeSequence",
    "MRImageFrameTypeSequence", "PETFrameTypeSequence",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Frame:
    """One plane: its header, its number in its object counted from 1, and its stored pixels on demand.

    On demand, because a series is judged by its headers before gigabytes are decoded.
    """

    header: Dataset
    number: int
    pixels: Callable[[], np.ndarray]


def frames_of(dataset: Dataset) -> list[Frame]:
    """The frames of one image, in the order of the object, which says nothing about their places.

    Raises StudyRejected for several frames without functional groups, or with groups for another number of them.
    """
    content = FrameReader(dataset)
    if not items_of(dataset, "PerFrameFunctionalGroupsSequence"):
        if whole(dataset, "NumberOfFrames", 1) != 1:
            raise StudyRejected(
                "frames_without_places",
                "the object holds several frames and no functional groups that place them.",
                "export it as an enhanced object or as single images",
            )
        return [Frame(dataset, 1, partial(content.frame, 1))]
    headers = enumerate(frame_headers(dataset), start=1)
    return [Frame(header, number, partial(content.frame, number)) for number, header in headers]


def frame_headers(dataset: Dataset) -> Iterator[Dataset]:
    """A plain header for each frame of an enhanced object, shared functional groups under its own.

    Raises StudyRejected where the number of groups is not NumberOfFrames: then no group has a frame for sure.
    """
    own, frames = items_of(dataset, "PerFrameFunctionalGroupsSequence"), whole(dataset, "NumberOfFrames", 1)
    if len(own) != frames:
        raise StudyRejected(
            "frame_count", f"{len(own)} functional groups do not describe {frames} frames.", "export it again"
        )
    shared = Dataset()
    for tag in map(Tag, _OF_THE_OBJECT):
        if tag in dataset:
            shared.add(dataset[tag])
    for item in items_of(dataset, "SharedFunctionalGroupsSequence"):
        _spread(item, shared)
    for item in own:
        header = Dataset()
        header.update({element.tag: element for element in shared})
        _spread(item, header)
        yield header


def _spread(groups: Dataset, header: Dataset) -> None:
    for keyword in _GROUPS:
        for group in items_of(groups, keyword):
            for element in group:
                header.add(element)
    if text(header, "FrameType"):  # the same four values for one frame (PS3.3 C.8.16.1)
        header.ImageType = header.FrameType
