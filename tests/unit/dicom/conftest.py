"""Invented series whose every voxel has a place that is known without the code under test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
)

CLASSES = {"CT": CTImageStorage, "MR": MRImageStorage, "PT": PositronEmissionTomographyImageStorage}
ENHANCED = {"CT": EnhancedCTImageStorage, "MR": EnhancedMRImageStorage}
FRAME = "1.2.826.0.9.1"
SHAPE = (6, 5)


@pytest.fixture
def slice_at() -> Callable[..., Dataset]:
    """Make one slice at a position; keywords replace attributes, None removes one."""
    return _slice


@pytest.fixture
def series() -> Callable[..., list[Dataset]]:
    """Make an upright stack of slices in order of depth, `step` mm apart, from `origin`."""
    return _series


@pytest.fixture
def enhanced() -> Callable[..., Dataset]:
    """Join slices to one enhanced object, its frames in the order given."""
    return _enhanced


def _slice(position: Sequence[float], number: int = 1, pixels: np.ndarray | None = None, **changes: Any) -> Dataset:
    if pixels is None:
        pixels = np.random.default_rng(number).integers(0, 4000, SHAPE)
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.Modality = changes.pop("Modality", "MR")
    one.SOPClassUID, one.SOPInstanceUID = CLASSES[one.Modality], f"1.2.826.0.9.4.{number}"
    one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = "1.2.826.0.9.2", "1.2.826.0.9.3", FRAME
    one.PatientID, one.PatientName, one.PatientBirthDate, one.PatientSex = "invented", "Invented^One", "", "O"
    one.StudyDate, one.StudyTime, one.StudyID, one.AccessionNumber = "20260101", "120000", "", ""
    one.ReferringPhysicianName, one.SeriesNumber, one.InstanceNumber = "", 1, number
    one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    one.ImagePositionPatient = [f"{value:.6f}" for value in position]
    one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    one.PixelSpacing, one.SliceThickness = ["0.7", "0.9"], "2.5"
    one.Rows, one.Columns = pixels.shape
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
    one.add_new("PixelData", "OW", pixels.astype("<u2").tobytes())
    for keyword, value in changes.items():
        if value is None:
            delattr(one, keyword)
        else:
            setattr(one, keyword, value)
    return one


def _series(
    count: int = 5, step: Sequence[float] = (0, 0, 2.5), origin: Sequence[float] = (-10, -20, 30), **changes: Any
) -> list[Dataset]:
    positions = np.array(origin) + np.arange(count)[:, None] * np.asarray(step)
    return [_slice(position, number, **changes) for number, position in enumerate(positions, start=1)]


def _enhanced(slices: Sequence[Dataset], **changes: Any) -> Dataset:
    one = Dataset()
    one.file_meta = slices[0].file_meta
    for element in slices[0]:
        if not element.keyword.startswith(("ImagePos", "ImageOri", "PixelSpa", "SliceThi", "Rescale", "Window")):
            one.add(element)
    one.SOPClassUID, one.NumberOfFrames = ENHANCED[one.Modality], len(slices)
    one.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    shared = Dataset()
    shared.PixelMeasuresSequence = [_picked(slices[0], "PixelSpacing", "SliceThickness")]
    shared.PlaneOrientationSequence = [_picked(slices[0], "ImageOrientationPatient")]
    one.SharedFunctionalGroupsSequence = [shared]
    one.PerFrameFunctionalGroupsSequence = [_groups(at, item) for at, item in enumerate(slices, start=1)]
    one.add_new("PixelData", "OW", b"".join(item.PixelData for item in slices))
    for keyword, value in changes.items():
        setattr(one, keyword, value)
    return one


def _groups(at: int, item: Dataset) -> Dataset:
    groups = Dataset()
    groups.PlanePositionSequence = [_picked(item, "ImagePositionPatient")]
    content = Dataset()
    content.StackID, content.InStackPositionNumber, content.DimensionIndexValues = "1", at, [1, at]
    groups.FrameContentSequence = [content]
    if "RescaleSlope" in item:
        groups.PixelValueTransformationSequence = [_picked(item, "RescaleSlope", "RescaleIntercept")]
        groups.PixelValueTransformationSequence[0].RescaleType = "HU"
    return groups


def _picked(item: Dataset, *keywords: str) -> Dataset:
    picked = Dataset()
    for keyword in keywords:
        picked.add(item[keyword])
    return picked
