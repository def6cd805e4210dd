"""Films built in memory: with identities planted wherever a file can hold one, or like frontal chests."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.imaging.inversion import frontal_chest

#: Every string that must be nowhere after de-identification.
PLANTED = (
    "Zanzibar", "Quentin", "MRN-4711", "19610307", "Dr Wobble", "Saint Nowhere", "Room 7 Annexe", "hidden remark",
    "ACC-0815", "PreambleName", "AETITLE-Z", "overlay text", "tail secret", "1.2.3.4.5",
)  # fmt: skip


@pytest.fixture
def planted() -> tuple[str, ...]:
    """Identifiers that `film` holds."""
    return PLANTED


@pytest.fixture
def pseudonyms() -> Pseudonyms:
    """Pseudonyms under a test key."""
    return Pseudonyms(b"a key that only this test knows....")


@pytest.fixture(scope="session")
def chest() -> Callable[..., np.ndarray]:
    """Draw one patient's film, uint8 [side, side]: what chests share, with a texture of the patient's own."""
    return _chest


@pytest.fixture
def film() -> Callable[..., Dataset]:
    """Make a chest film full of identity; keywords replace attributes, None removes one."""
    return _film


@pytest.fixture
def file_of() -> Callable[[Dataset], bytes]:
    """Write a data set as a DICOM file whose preamble and meta information hold identity too."""
    return _file_of


@pytest.fixture
def png_of() -> Callable[..., bytes]:
    """Encode pixels as PNG."""
    return _png_of


@pytest.fixture
def with_chunk() -> Callable[[bytes, bytes, bytes], bytes]:
    """Put a chunk behind the header of a PNG."""
    return _with_chunk


@pytest.fixture
def dicom_folder(tmp_path: Path) -> Callable[..., Path]:
    """Write data sets or bytes under names into a folder."""

    def write(**contents: bytes | Dataset) -> Path:
        folder = tmp_path / "films"
        folder.mkdir(exist_ok=True)
        for name, content in contents.items():
            data = _file_of(content) if isinstance(content, Dataset) else content
            (folder / name).write_bytes(data)
        return folder

    return write


def _chest(seed: int, side: int = 256) -> np.ndarray:
    texture = np.random.default_rng(seed).normal(0.0, 0.9, (20, 20)).astype(np.float32)
    shared = Image.fromarray(frontal_chest().astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    own = Image.fromarray(texture).resize((side, side), Image.Resampling.BICUBIC)
    return np.clip(128.0 + 40.0 * (np.asarray(shared) + np.asarray(own)), 0, 255).astype(np.uint8)


def _film(uid: str = "1.2.3.4.5.1", pixels: np.ndarray | None = None, **changes: Any) -> Dataset:
    if pixels is None:
        pixels = np.random.default_rng(zlib.crc32(uid.encode())).integers(0, 4096, (12, 10)).astype("<u2")
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    _plant(film, uid)
    film.SOPClassUID, film.Modality = DigitalXRayImageStorageForPresentation, "DX"
    film.PatientSex, film.PatientAge = "F", "063Y"
    film.StudyDate, film.AcquisitionDate = "20240301", "20240302"
    film.Manufacturer, film.ManufacturerModelName, film.SoftwareVersions = "Acme", "Ray 2", ["1.0", "b"]
    film.BodyPartExamined, film.ViewPosition = "CHEST", "PA"
    film.KVP, film.ExposureInuAs, film.ImagerPixelSpacing = "120", "2500", ["0.14", "0.14"]
    film.Rows, film.Columns = pixels.shape
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated = 8 * pixels.dtype.itemsize
    film.BitsStored = 12 if pixels.dtype.itemsize == 2 else 8
    film.HighBit, film.PixelRepresentation = film.BitsStored - 1, int(pixels.dtype.kind == "i")
    film.add_new("PixelData", "OW", pixels.tobytes() + b"tail secret.")
    for keyword, value in changes.items():
        if value is None:
            delattr(film, keyword)
        else:
            setattr(film, keyword, value)
    return film


def _plant(film: Dataset, uid: str) -> None:
    film.SOPInstanceUID, film.StudyInstanceUID, film.SeriesInstanceUID = uid, "1.2.3.4.5.0.1", "1.2.3.4.5.0.2"
    film.PatientName, film.PatientID, film.PatientBirthDate = "Zanzibar^Quentin", "MRN-4711", "19610307"
    film.OtherPatientIDs, film.PatientComments, film.ImageComments = "MRN-4711", "hidden remark", "hidden remark"
    film.ReferringPhysicianName, film.OperatorsName, film.AccessionNumber = "Dr Wobble", "Dr Wobble", "ACC-0815"
    film.InstitutionName, film.InstitutionAddress = "Saint Nowhere", "Room 7 Annexe"
    film.StationName, film.DeviceSerialNumber, film.StudyDescription = "STATION-X", "SN-998877", "hidden remark"
    film.ProtocolName, film.SeriesDescription = "Zanzibar protocol", "for Dr Wobble"
    film.private_block(0x0019, "ACME 1.0", create=True).add_new(0x01, "LO", "private Zanzibar")
    item = Dataset()
    item.RequestingPhysician, item.PatientID = "Dr Wobble", "MRN-4711"
    item.RequestAttributesSequence = Sequence([_remark()])
    film.RequestAttributesSequence = Sequence([item])
    film.ReferencedImageSequence = Sequence([_reference()])
    film.add_new(0x60003000, "OW", b"overlay text")
    film.add_new(0xFFFCFFFC, "OB", b"hidden remark ")


def _remark() -> Dataset:
    item = Dataset()
    item.ScheduledProcedureStepDescription = "hidden remark about Quentin"
    return item


def _reference() -> Dataset:
    item = Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3.4.5.99"
    return item


def _file_of(film: Dataset) -> bytes:
    film.file_meta.SourceApplicationEntityTitle = "AETITLE-Z"
    film.file_meta.MediaStorageSOPInstanceUID = film.get("SOPInstanceUID", "1.2.3.4.5.7")
    film.preamble = b"PreambleName" + b"\0" * 116
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, film, enforce_file_format=True)
    return stream.getvalue()


def _png_of(pixels: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png", **options)
    return stream.getvalue()


def _with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    chunk = struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))
    return png[:33] + chunk + png[33:]
