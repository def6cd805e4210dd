"""How much a file's pixels are once decoded, told by its header before anything is decoded."""

from __future__ import annotations

from pydicom.dataset import Dataset

from radloop.bounds import MIB, require_decodable
from radloop.dicom.read import text, whole
from radloop.errors import StudyRejected
from radloop.sections.intake import Deidentify


def allowed_mib(modality: str | None, knobs: Deidentify) -> float:
    """MiB of decoded pixels that one file of a modality may have; None where the file tells no modality."""
    largest = knobs.largest_decoded_mib
    return largest.get(modality or "default", largest.get("default", 512))


def decoded_mib(header: Dataset, knobs: Deidentify) -> float:
    """MiB of all frames: rows, columns, frames, samples and bits allocated (PS3.3 C.7.6.3).

    Raises StudyRejected above what the knobs allow for the modality, of the object or of one frame.
    """
    size = whole(header, "SamplesPerPixel", 1) * whole(header, "BitsAllocated", 16)
    frame = whole(header, "Rows", 0) * whole(header, "Columns", 0) * size / 8 / MIB
    mib = frame * whole(header, "NumberOfFrames", 1)
    modality = text(header, "Modality").upper()
    require_decodable(mib, allowed_mib(modality, knobs))
    largest = knobs.largest_frame_mib
    if frame > (allowed := largest.get(modality, largest.get("default", 256))):
        raise StudyRejected(
            "frame_too_large",
            f"{frame:.0f} MiB of one frame are more than the {allowed:.0f} that its modality may have.",
            "check the file, or raise deidentify.largest_frame_mib",
        )
    return mib
