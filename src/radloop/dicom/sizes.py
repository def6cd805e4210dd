"""How much a file's pixels are once decoded, told by its header before anything is decoded."""

from __future__ import annotations

from pydicom.dataset import Dataset

from radloop.dicom.read import text, whole
from radloop.errors import StudyRejected
from radloop.params import Deidentify


def decoded_mib(header: Dataset, knobs: Deidentify) -> float:
    """MiB of all frames: rows, columns, frames, samples and bits allocated (PS3.3 C.7.6.3).

    Raises StudyRejected above what the knobs allow for the modality, of the object or of one frame.
    """
    size = whole(header, "SamplesPerPixel", 1) * whole(header, "BitsAllocated", 16)
    frame = whole(header, "Rows", 0) * whole(header, "Columns", 0) * size / 8 / 2**20
    mib = frame * whole(header, "NumberOfFrames", 1)
    modality = text(header, "Modality").upper()
    if mib > (allowed := _of(modality, knobs.largest_decoded_mib, 512)):
        raise StudyRejected(
            "decoded_too_large",
            f"{mib:.0f} MiB of pixels are more than the {allowed:.0f} that its modality may have.",
            "check the file, or raise deidentify.largest_decoded_mib",
        )
    if frame > (allowed := _of(modality, knobs.largest_frame_mib, 256)):
        raise StudyRejected(
            "frame_too_large",
            f"{frame:.0f} MiB of one frame are more than the {allowed:.0f} that its modality may have.",
            "check the file, or raise deidentify.largest_frame_mib",
        )
    return mib


def _of(modality: str, allowed: dict[str, float], otherwise: float) -> float:
    return allowed.get(modality, allowed.get("default", otherwise))
