"""A tiny hospital for the service: films, a bundle that needs no training, a registry in memory."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pydicom
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian
from safetensors.numpy import save_file

from radloop.bundle import ONNX, PROJECTION, WEIGHTS, Bundle, load_bundle, write_bundle, write_projection
from radloop.errors import ServiceUnavailable
from radloop.imaging.preprocess import Preprocess
from radloop.modeling.calibrate import Calibration
from radloop.params import Params
from radloop.serving.reader import Served
from radloop.settings import PROJECT, Settings

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


def make_bundle(folder: Path, offset: float = 0.0, threshold: float = 0.4) -> Bundle:
    """A real bundle whose network answers with a picture's brightness and its four quarters."""
    folder.mkdir(parents=True)
    mean = helper.make_node("ReduceMean", ["grey", "axes"], ["mean"], keepdims=0)
    quarters = helper.make_node("AveragePool", ["grey"], ["pooled"], kernel_shape=[32, 32], strides=[32, 32])
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["grey"]),
        mean,
        helper.make_node("Sub", ["mean", "half"], ["logit"]),
        quarters,
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(4 / 255, np.float32), "scale"),
        numpy_helper.from_array(np.array(2, np.float32), "half"),
        numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes"),
    ]
    shapes = {"logit": ["n"], "embedding": ["n", 4]}
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 1, 64, 64])
    graph = helper.make_graph(nodes, "brightness", [image], outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), folder / ONNX)
    save_file({"nothing": np.zeros(1, np.float32)}, folder / WEIGHTS)
    write_projection(folder / PROJECTION, np.zeros(4, np.float32), np.eye(2, 4, dtype=np.float32))
    write_bundle(
        folder,
        {
            "use_case": CASE,
            "labels": ["Pneumonia"],
            "accepts": Params.load(PROJECT).use_case(CASE).task.accepts.model_dump(mode="json"),
            "preprocess": Preprocess(64, 1.0, 99.0).to_json(),
            "calibration": Calibration(1.0, offset, threshold).to_json(),
            "engine": {"batch_shape": [64, 1, 64, 64], "threads": 1},
        },
    )
    return load_bundle(folder)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A loaded bundle."""
    return make_bundle(tmp_path_factory.mktemp("bundles") / "1")


@pytest.fixture(scope="session")
def served(bundle: Bundle) -> Served:
    """That bundle as version 1."""
    return Served(CASE, "1", bundle)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation of its own."""
    return Settings(home=tmp_path / "home", serving_poll_seconds=0.05, serving_body_mib=1, serving_readers=1)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Two versions, of which the first is champion."""
    folders = {version: tmp_path / f"bundle-{version}" for version in ("1", "2")}
    for offset, folder in enumerate(folders.values()):
        make_bundle(folder, float(offset))
    return Registry(folders, "1")
