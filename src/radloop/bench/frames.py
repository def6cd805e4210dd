"""What an object of many frames costs beside its decoded size: memory and time of admitting and of surveying it."""

from __future__ import annotations

import io
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    RLELossless,
)

from radloop.bench.setting import KEY
from radloop.catalog import admit, read_catalog
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import RadloopError
from radloop.quality.survey import survey
from radloop.sources.dicom_folder import DicomFolder

KINDS = {
    "enhanced CT": ("CT", EnhancedCTImageStorage, (300, 512, 512)),
    "tomosynthesis": ("MG", BreastTomosynthesisImageStorage, (60, 2457, 1996)),
}
_EVERY = 0.002  # seconds between two looks at the memory
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Cost:
    """MiB of anonymous memory beyond what the process held before, at most, and wall seconds, of one run each."""

    kind: str
    frames: int
    compressed: bool
    decoded_mib: float
    admit_mib: float
    admit_seconds: float
    survey_mib: float
    survey_seconds: float


def time_frames(folder: Path) -> Iterator[Cost]:
    """Admit and survey an object of each kind, plain and as RLE, each in a process of its own without held readers.

    That process has admitted and surveyed one small film before, so that libraries are not counted. Pages of mapped
    files are not either, for the system may take them back. Raises RadloopError where an object is not admitted.
    """
    for kind, (modality, sop_class, shape) in KINDS.items():
        for compressed in (False, True):
            place = folder / f"{modality}{compressed:d}"
            for name, size in (("first", (1, 256, 256)), ("object", shape)):
                (place / name).mkdir(parents=True)
                one = _object(modality, CTImageStorage if name == "first" else sop_class, size, compressed)
                pydicom.dcmwrite(place / name / "file", one, enforce_file_format=True)
                del one
            decoded = int(np.prod(shape)) * 2 / 2**20
            yield Cost(kind, shape[0], compressed, round(decoded, 1), *_measured(place))
            (place / "object" / "file").unlink()


def _object(modality: str, sop_class: str, shape: tuple[int, int, int], compressed: bool) -> Dataset:
    """Frames of noise, each with a group of its own where there are several."""
    frames, rows, columns = shape
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = RLELossless if compressed else ExplicitVRLittleEndian
    one.SOPClassUID, one.SOPInstanceUID = sop_class, f"1.2.826.0.8.{frames}"
    one.file_meta.MediaStorageSOPClassUID, one.file_meta.MediaStorageSOPInstanceUID = sop_class, one.SOPInstanceUID
    one.StudyInstanceUID, one.SeriesInstanceUID, one.PatientID, one.Modality = "1.2.826.0.8", "1.2.3", "x", modality
    one.SamplesPerPixel, one.PhotometricInterpretation, one.NumberOfFrames = 1, "MONOCHROME2", frames
    one.Rows, one.Columns, one.PixelRepresentation = rows, columns, 0
    one.BitsAllocated, one.BitsStored, one.HighBit = 16, 12, 11
    if frames > 1:
        one.PerFrameFunctionalGroupsSequence = [_group(number) for number in range(frames)]
    noise = np.random.default_rng(0).integers(0, 4096, (rows, columns)).astype("<u2")
    planes = (np.roll(noise, number, axis=1) for number in range(frames))
    if compressed:
        one.add_new("PixelData", "OB", encapsulate([_encoded(plane) for plane in planes]))
        one["PixelData"].is_undefined_length = True
    else:
        content = io.BytesIO()
        for plane in planes:
            content.write(plane.tobytes())
        one.add_new("PixelData", "OW", content.getvalue())
    return one


def _group(number: int) -> Dataset:
    group, place, values = Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = [0, 0, number]
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = "1", "-1024", "HU"
    group.PlanePositionSequence, group.PixelValueTransformationSequence = [place], [values]
    return group


def _encoded(plane: np.ndarray) -> bytes:
    told = {"rows": plane.shape[0], "columns": plane.shape[1], "bits_allocated": 16, "bits_stored": 12}
    return bytes(
        get_encoder(RLELossless).encode(
            plane, encoding_plugin="pylibjpeg", samples_per_pixel=1, pixel_representation=0, number_of_frames=1,
            photometric_interpretation="MONOCHROME2", **told,
        )
    )  # fmt: skip


def _measured(place: Path) -> tuple[float, float, float, float]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_walk, args=(place, theirs))
    process.start()
    theirs.close()
    try:
        found: tuple[float, float, float, float] = ours.recv()
    except EOFError:
        raise RadloopError("the object was not admitted", "look at what the process has told above") from None
    finally:
        process.join()
    return found


def _walk(place: Path, answer: Connection) -> None:
    pseudonyms = Pseudonyms(KEY)

    def taken(name: str) -> Any:
        return admit(place / f"{name}-snapshot", DicomFolder(place / name, pseudonyms))

    def surveyed(name: str) -> Any:
        return survey(place / f"{name}-snapshot", read_catalog(place / f"{name}-snapshot"), 0)

    taken("first")
    surveyed("first")
    admitted, *first = _watched(lambda: taken("object"))
    films, *second = _watched(lambda: surveyed("object"))
    if admitted.admitted != 1 or films["unreadable"].notna().any():
        raise RadloopError("the object was not admitted", "compare its header with docs/concepts/frames.md")
    answer.send((*first, *second))


def _watched(job: Callable[[], Any]) -> tuple[Any, float, float]:
    """What a job gives, the highest growth of anonymous memory in MiB, and its seconds."""
    before, ended = _anonymous(), Event()
    seen = [before]

    def watch() -> None:
        while not ended.wait(_EVERY):
            seen.append(_anonymous())

    thread = Thread(target=watch, daemon=True)
    thread.start()
    began = time.perf_counter()
    result = job()
    took = time.perf_counter() - began
    ended.set()
    thread.join()
    return result, round(max(seen) - before, 1), round(took, 2)


def _anonymous() -> float:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return 0.0
