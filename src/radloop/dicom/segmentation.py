"""Voxel masks to a SEG that points at the images of its volume, written by highdicom: valid by construction.

Source: PS3.3 A.51 (Segmentation IOD), C.8.20.2, C.8.20.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from radloop import __version__
from radloop.dicom.read import text, whole
from radloop.dicom.segments import Segment
from radloop.dicom.uids import content_uid
from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected


def segmentation(
    masks: Mapping[int, np.ndarray],
    segments: Sequence[Segment],
    volume: Volume,
    images: Sequence[Dataset],
    *,
    label_map: bool = False,
) -> Dataset:
    """A SEG of bool masks [i, j, k] on the volume that was read from `images`; `segment_masks` gives them back exactly.

    Binary, or with `label_map` one number per voxel. UIDs are made from the content, the date is today's. Raises
    StudyRejected for numbers other than 1, 2, 3 ..., masks of another grid or without a voxel, other images, and
    overlapping masks in a label map.
    """
    stack = _stack(masks, segments, volume)
    if label_map and (stack.sum(axis=-1) > 1).any():
        raise StudyRejected("overlap", "masks overlap, and a label map holds one number.", "write them as binary")
    sources, order = _sources(volume, images)
    frames = stack.transpose(2, 1, 0, 3)[order]
    if label_map:
        frames = (frames * np.arange(1, frames.shape[-1] + 1)).sum(axis=-1)
    kind = "LABELMAP" if label_map else "BINARY"
    told = [kind, *(str(astuple(one)) for one in segments), *(str(astuple(one)) for one in volume.sources)]
    content = [*(part.encode() for part in told), np.packbits(stack).tobytes()]
    return Segmentation(
        source_images=sources,
        pixel_array=frames.astype(np.uint16 if frames.max() > 255 else np.uint8),
        segmentation_type=kind,
        segment_descriptions=[_description(segment) for segment in segments],
        series_instance_uid=content_uid("SEG series", content),
        series_number=1,
        sop_instance_uid=content_uid("SEG", content),
        instance_number=1,
        manufacturer="radloop",
        manufacturer_model_name="radloop",
        software_versions=__version__,
        device_serial_number=__version__,
    )


def _stack(masks: Mapping[int, np.ndarray], segments: Sequence[Segment], volume: Volume) -> np.ndarray:
    """The masks side by side, uint8 [i, j, k, segment]."""
    told = [segment.number for segment in segments]
    if told != list(range(1, len(masks) + 1)) or sorted(masks) != told:
        raise StudyRejected("segment_numbers", "segments are not numbered 1, 2, 3 like the masks.", "number them so")
    for mask in masks.values():
        volume.with_voxels(mask)  # asks for the same grid
    stack = np.stack([masks[number] > 0 for number in told], axis=-1).astype(np.uint8)
    if not stack.any():
        raise StudyRejected("empty_mask", "no mask has a voxel.", "write no SEG")
    return stack


def _sources(volume: Volume, images: Sequence[Dataset]) -> tuple[list[Dataset], np.ndarray]:
    """The images that made the slices, and which slice each of their frames is: highdicom wants all, in order."""
    for image in images:
        volume.require_sources(image)
    by_uid = {text(image, "SOPInstanceUID"): image for image in images}
    if missing := {source.instance for source in volume.sources} - set(by_uid):
        raise StudyRejected("other_images", f"{len(missing)} images of the volume are not given.", "give all of them")
    sources = [by_uid[source.instance] for source in volume.sources]
    if len({id(source) for source in sources}) == len(sources):
        return sources, np.arange(len(sources))
    if len(by_uid) > 1 or whole(sources[0], "NumberOfFrames", 1) != len(sources):
        raise StudyRejected("multi_frame", "the slices are not all frames of one object.", "send them as one object")
    return sources[:1], np.argsort([source.frame for source in volume.sources])


def _description(segment: Segment) -> SegmentDescription:
    return SegmentDescription(
        segment_number=segment.number,
        segment_label=segment.label,
        segmented_property_category=CodedConcept(*segment.category),
        segmented_property_type=CodedConcept(*segment.kind),
        algorithm_type="AUTOMATIC" if segment.algorithm else "MANUAL",
        algorithm_identification=_algorithm(segment) if segment.algorithm else None,
    )


def _algorithm(segment: Segment) -> Any:
    return AlgorithmIdentificationSequence(
        name=segment.algorithm, family=codes.cid7162.ArtificialIntelligence, version=segment.version or "unknown"
    )
