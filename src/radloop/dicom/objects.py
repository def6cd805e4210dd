"""Masks as DICOM sends them, RTSTRUCT and SEG, without their identity: beside the path of images, whose rules they
cannot keep, for one has no pixels and the other packs eight into a byte.

Source: PS3.3 A.19 (RT Structure Set), A.51 (Segmentation), C.8.20.2; PS3.5 8.1.1 (bits of one bit).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from mmap import mmap

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import RTStructureSetStorage, SegmentationStorage

from radloop.bounds import HEADER, MIB, bounded, decoding
from radloop.dicom.deidentify import dataset_of, elements_of
from radloop.dicom.elements import Element, encode, even, head
from radloop.dicom.frame_reader import needs_codec
from radloop.dicom.groups import items_at
from radloop.dicom.header import clean_object, tag_of
from radloop.dicom.parse import PIXEL_DATA
from radloop.dicom.pixels import decoded_frames
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import items_of, parse_dicom, text, value_of, whole
from radloop.dicom.segments import LABEL_MAP_STORAGE, read_segments
from radloop.dicom.sizes import decoded_mib
from radloop.dicom.splice import meta_information
from radloop.dicom.strip import refuse_unfit
from radloop.dicom.structures import read_structures
from radloop.dicom.told import Told
from radloop.errors import StudyRejected

KINDS = (RTStructureSetStorage, SegmentationStorage, LABEL_MAP_STORAGE)
_HINTS = tuple(kind.encode() for kind in KINDS)
_FIRST = 4096  # bytes in which a file tells its class
_PER_BYTE = 16  # of a file without pixels: what its numbers take as objects, beside their bytes
_CONTOURS, _SEGMENTS = tag_of("ROIContourSequence"), tag_of("SegmentSequence")
_LABEL = tag_of("SegmentLabel")
_UNNAMED = Element("LO", b"segment ")  # the label is Type 1


@dataclass(frozen=True)
class StrippedMask:
    """What may be stored of a mask: the file, its header, what it delineates and the bytes that draw it.

    `series` is the pseudonym of the one series that it refers to.
    """

    content: bytes
    header: Dataset
    series: str
    drawn: bytes


def may_be_mask(content: bytes | mmap) -> bool:
    """Whether the first bytes name the class of an RTSTRUCT or SEG: cheap, so that images lose no time by it."""
    first = content[:_FIRST]
    return any(hint in first for hint in _HINTS)


def is_mask(dataset: Dataset) -> bool:
    """Whether a data set is an RTSTRUCT or a SEG."""
    return text(dataset, "SOPClassUID") in KINDS


def strip_mask(content: bytes | mmap, pseudonyms: Pseudonyms) -> StrippedMask | None:
    """Take the identity off an RTSTRUCT or SEG by the profile of its images; None where the file is neither.

    Contours stay as they are and frames as they were, packed; equal input gives equal bytes. Raises StudyRejected
    where it cannot be read as a mask, does not refer to one series, or is of a kind that the profile quarantines.
    """
    with bounded(HEADER):
        raw = parse_dicom(content)
        if not is_mask(raw):
            return None
        decoded = decoded_mib(raw, pseudonyms.profile.knobs) * 8 + _PER_BYTE * len(content) / MIB
    with bounded(decoding(decoded)):
        elements = elements_of(raw)
        refuse_unfit(Told(elements), elements, pseudonyms)
        pixels = _packed(raw)
        header = clean_object(elements, pseudonyms)
        for item in items_at(header, _SEGMENTS):
            item.setdefault(_LABEL, _UNNAMED)
        clean = dataset_of(header)
        series = _referred(clean)
        if pixels is None:
            _require_all_contours(raw, clean)
    drawn = encode({_CONTOURS: header[_CONTOURS]}) if pixels is None else pixels
    stored = b"".join((bytes(128), b"DICM", meta_information(header), encode(header), _tail(raw, pixels)))
    return StrippedMask(stored, clean, series, drawn)


def _packed(raw: Dataset) -> bytes | None:
    """The frames of a SEG in little endian, bits packed without gaps, and nothing behind them; None of an RTSTRUCT."""
    if text(raw, "SOPClassUID") == RTStructureSetStorage:
        return None
    read_segments(raw)
    if not isinstance(value_of(raw, "PixelData"), bytes):
        raise StudyRejected("no_pixels", "there is no pixel data: no mask, or a file cut short.", "copy it again")
    kind, bits = text(raw, "SegmentationType").upper(), whole(raw, "BitsAllocated", 0)
    if (kind, bits) not in (("BINARY", 1), ("LABELMAP", 8), ("LABELMAP", 16)):
        raise StudyRejected(
            "segmentation_type", "the segments are neither binary nor a label map.", "say what counts as inside first"
        )
    if not needs_codec(raw):
        shape = (whole(raw, keyword, 1) for keyword in ("NumberOfFrames", "Rows", "Columns"))
        raw.PixelData = even(raw.PixelData[: -(-prod(shape) * bits // 8)], b"\0")
    frames = decoded_frames(raw)
    if bits == 1:
        return np.packbits(frames.ravel() > 0, bitorder="little").tobytes()
    return frames.astype(f"<u{bits // 8}").tobytes()


def _tail(raw: Dataset, pixels: bytes | None) -> bytes:
    if pixels is None:
        return b""
    content = even(pixels, b"\0")
    vr = "OW" if whole(raw, "BitsAllocated", 0) == 16 else "OB"
    return head(PIXEL_DATA, vr, len(content)) + content


def _referred(clean: Dataset) -> str:
    """The one series that a mask refers to (PS3.3 C.8.8.5, C.12.4)."""
    studies = [
        study
        for frame in items_of(clean, "ReferencedFrameOfReferenceSequence")
        for study in items_of(frame, "RTReferencedStudySequence")
    ]
    told = [one for study in studies for one in items_of(study, "RTReferencedSeriesSequence")]
    uids = {text(one, "SeriesInstanceUID") for one in (*told, *items_of(clean, "ReferencedSeriesSequence"))} - {""}
    if len(uids) != 1:
        raise StudyRejected("mask_of_no_one_series", f"the mask refers to {len(uids)} series.", "export one per series")
    return uids.pop()


def _require_all_contours(raw: Dataset, clean: Dataset) -> None:
    """Ask that nothing drawn was lost with what could not stay, for a mask with a hole would teach a wrong one.

    Raises StudyRejected, also as `read_structures` does.
    """
    before, after = read_structures(raw), read_structures(clean)
    kept = {one.number: one.contours for one in after}
    for one in before:
        pairs = zip(one.contours, kept.get(one.number, ()), strict=False)
        same = len(one.contours) == len(kept.get(one.number, ())) and all(
            a.shape == b.shape and np.allclose(a, b, atol=1e-4) for a, b in pairs
        )
        if not same:
            raise StudyRejected("contour_data", f"contours of region {one.number} are malformed.", "export it again")
    if not any(one.contours for one in before):
        raise StudyRejected("no_contours", "no region has a contour.", "leave it out")
