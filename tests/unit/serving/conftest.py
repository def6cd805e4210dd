"""A tiny hospital for the service: films, a bundle that needs no training, a registry in memory."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from radloop.errors import ServiceUnavailable, StudyRejected
from radloop.imaging.preprocess import Preprocess
from radloop.settings import Settings

CASE = "chest_pneumonia"
NAME = "Zweistein^Adalbert"


def film(seed: int = 0, side: int = 160) -> np.ndarray:
    """A smooth 12-bit picture, brighter with its seed."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(200, 3000, (5, 5)).astype(np.float32)
    grid = np.linspace(0, 4, side)
    low, share = np.minimum(grid.astype(int), 3), grid - np.minimum(grid.astype(int), 3)
    rows = coarse[low] * (1 - share)[:, None] + coarse[low + 1] * share[:, None]
    return (rows[:, low] * (1 - share) + rows[:, low + 1] * share).astype(np.uint16)


def dicom(seed: int = 0, modality: str = "DX", **changes: Any) -> bytes:
    """A chest radiograph of an invented patient, name and all."""
    pixels = film(seed)
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = DigitalXRayImageStorageForPresentation
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = f"2.25.{seed + 10}"
    image.StudyInstanceUID, image.SeriesInstanceUID = f"2.25.{seed + 5000}", f"2.25.{seed + 6000}"
    image.PatientID, image.PatientName = f"{NAME}-{seed}", NAME
    image.PatientSex, image.PatientAge, image.StudyDate = "F", "061Y", "20260105"
    image.Modality, image.BodyPartExamined, image.ViewPosition = modality, "CHEST", "PA"
    image.Manufacturer, image.InstitutionName = "Vendor A", "North"
    image.PhotometricInterpretation, image.SamplesPerPixel = "MONOCHROME2", 1
    image.Rows, image.Columns = pixels.shape
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    for keyword, value in changes.items():
        setattr(image, keyword, value)
    image.PixelData = pixels.tobytes()
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, image, enforce_file_format=True)
    return stream.getvalue()


def png(seed: int = 0, mode: str = "L") -> bytes:
    """The same film as a PNG: 8-bit grey, 16-bit grey or colour."""
    pixels = film(seed)
    eight = (pixels >> 4).astype(np.uint8)
    array = {"L": eight, "I;16": pixels, "RGB": np.stack([eight, eight // 2, eight], axis=-1)}[mode]
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "png")
    return stream.getvalue()


@dataclass
class Registry:
    """A registry in memory: versions, one champion, and a switch that takes it away."""

    folders: dict[str, Path] = field(default_factory=dict)
    version: str | None = None
    away: bool = False

    def champion(self, use_case: str) -> Any:
        if self.away:
            raise ServiceUnavailable("the registry does not answer.")
        return None if self.version is None else SimpleNamespace(version=self.version)

    def bundle_path(self, use_case: str, version: str) -> Path:
        return self.folders[version]


@dataclass(frozen=True)
class Brightness:
    """A bundle whose probability is the picture's brightness to the power of `exponent`."""

    hash: str
    exponent: float
    preprocess: Preprocess = field(default_factory=lambda: Preprocess(64, 1.0, 99.0))
    threshold: float = 0.4
    temperature: float = 1.0
    finding: str = "Pneumonia"

    @property
    def manifest(self) -> dict[str, Any]:
        return {"accepts": {"modality": ["DX", "CR", "RG"]}}

    def accepts(self, record: Any) -> None:
        if record.modality not in (None, "DX", "CR", "RG"):
            raise StudyRejected("not_accepted", f"modality {record.modality!r} is not among DX, CR, RG.", "ask another")

    def predict(self, images: np.ndarray) -> Any:
        assert images.dtype == np.uint8 and images.ndim == 3
        score = (images.mean(axis=(1, 2)) / 255.0) ** self.exponent
        logit = np.log((score + 1e-6) / (1 - score + 1e-6))
        embedding = np.stack([score, 1 - score], axis=1).astype(np.float32)
        return SimpleNamespace(logit=logit, score=score, decision=score >= self.threshold, embedding=embedding)


def load(folder: Path) -> Brightness:
    """Read a Brightness back, or crash as a damaged bundle would."""
    facts = json.loads((folder / "bundle.json").read_text())
    return Brightness(facts["hash"], facts["exponent"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation of its own."""
    return Settings(home=tmp_path / "home", serving_poll_seconds=0.05, serving_body_mib=1)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Two versions, of which the first is champion."""
    monkeypatch.setattr("radloop.serving.follow.load", load)
    folders = {}
    for version, exponent in (("1", 1.0), ("2", 2.0)):
        folders[version] = tmp_path / f"bundle-{version}"
        folders[version].mkdir()
        (folders[version] / "bundle.json").write_text(json.dumps({"hash": version * 64, "exponent": exponent}))
    return Registry(folders, "1")
