"""How much a file's pixels are once decoded, told by its header before anything is decoded."""

from __future__ import annotations

from pydicom.dataset import Dataset

from radloop.dicom.read import text, whole
from radloop.errors import StudyRejected
from radloop.sections.intake import Deidentify


def decoded_mib(header: Dataset, knobs: Deidentify) -> float:
    """MiB of all frames: rows, columns, frames, samples and bits allocated (PS3.3 C.7.6.3).

    Raises StudyRejected above what the knob allows for the modality.
    """
    size = whole(header, "NumberOfFrames", 1) * whole(header, "SamplesPerPixel", 1) * whole(header, "BitsAllocated", 16)
    mib = whole(header, "Rows", 0) * whole(header, "Columns", 0) * size / 8 / 2**20
    largest = knobs.largest_decoded_mib
    allowed = largest.get(text(header, "Modality").upper(), largest.get("default", 512))
    if mib > allowed:
        raise StudyRejected(
            "decoded_too_large",
            f"{mib:.0f} MiB of pixels are more than the {allowed:.0f} that its modality may have.",
            "check the file, or raise deidentify.largest_decoded_mib",
        )
    return mib
