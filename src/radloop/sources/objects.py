"""One DICOM file of a folder or a spool to one arrival: an image, or a mask of a series."""

from __future__ import annotations

from mmap import mmap

from radloop.dicom.objects import StrippedMask, may_be_mask, strip_mask
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import whole
from radloop.files import sha256
from radloop.records import Arrival, Record
from radloop.sources.instance import DICOM, described, dicom_arrival


def object_arrival(content: bytes | mmap, pseudonyms: Pseudonyms, source: str) -> Arrival:
    """An arrival of an image, an RTSTRUCT or a SEG; what asks for a prediction takes images alone and not this door.

    Raises StudyRejected as `radloop.dicom.strip.strip` and `radloop.dicom.objects.strip_mask` do.
    """
    if may_be_mask(content) and (mask := strip_mask(content, pseudonyms)):
        return Arrival(_record(mask, source), mask.content)
    return dicom_arrival(content, pseudonyms, source)


def _record(mask: StrippedMask, source: str) -> Record:
    clean = mask.header
    shape = tuple(whole(clean, keyword, 0) for keyword in ("NumberOfFrames", "Rows", "Columns"))
    return Record(
        source=source,
        content_type=DICOM,
        sha256=sha256(mask.content),
        pixel_sha256=sha256(f"{shape}:".encode() + mask.drawn),
        rows=shape[1],
        columns=shape[2],
        frames=shape[0] or None,
        bits_stored=whole(clean, "BitsStored", 1),
        role="mask",
        of=mask.series,
        **{**described(clean), "series_id": mask.series},
    )
