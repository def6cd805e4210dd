"""How much a file's pixels are once decoded, told by its header before anything is decoded."""

from __future__ import annotations

from pydicom.dataset import Dataset

from radloop.bounds import MIB, require_decodable
from radloop.dicom.read import text, whole
from radloop.sections.intake import Deidentify


def allowed_mib(modality: str | None, knobs: Deidentify) -> float:
    """MiB of decoded pixels that one file of a modality may have; None where the file tells no modality."""
    largest = knobs.largest_decoded_mib
    return largest.get(modality or "default", largest.get("default", 512))


def decoded_mib(header: Dataset, knobs: Deidentify) -> float:
    """MiB of all frames: rows, columns, frames, samples and bits allocated (PS3.3 C.7.6.3).

    Raises StudyRejected above what the knob allows for the modality.
    """
    size = whole(header, "NumberOfFrames", 1) * whole(header, "SamplesPerPixel", 1) * whole(header, "BitsAllocated", 16)
    mib = whole(header, "Rows", 0) * whole(header, "Columns", 0) * size / 8 / MIB
    require_decodable(mib, allowed_mib(text(header, "Modality").upper(), knobs))
    return mib
