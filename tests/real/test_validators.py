"""Real series without identity, and what we write on them, are as valid to a validator as what came in."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import parse_dicom
from radloop.dicom.segmentation import segmentation
from radloop.dicom.segments import Segment
from radloop.dicom.series import series_volume
from radloop.dicom.strip import strip
from radloop.dicom.structure_set import structure_set
from radloop.dicom.structures import mask_structure
from radloop.dicom.volume import Volume

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:The string")]  # highdicom would quote a name
Errors = Callable[[bytes], set[str]]
KEY = Pseudonyms(b"a key that only this test knows....")
MODALITIES = ("CT", "PET", "MR_T1")
MASS = (("49755003", "SCT", "Morphologically Abnormal Structure"), ("4147007", "SCT", "Mass"))
SEGMENTS = [Segment(1, "GTV", *MASS), Segment(2, "found", *MASS, algorithm="a network", version="1")]
#: dicom3tools of 2022 knows no Label Map Segmentation (Supplement 243), nor that its background is segment 0.
UNKNOWN = {
    "Error - Information Object Not found",
    "Error - </SegmentSequence(0062,0002)[1]/SegmentNumber(0062,0004)> - SegmentNumber not monotonically increasing"
    " from one by one - have SegmentSequence item number 1 (from one) with SegmentNumber of 0",
}


@pytest.fixture(params=MODALITIES)
def files(request: pytest.FixtureRequest, shared_data: Path) -> list[bytes]:
    """The slices of one series."""
    folder = shared_data / "dicom_sts_004" / request.param / "image"
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.fixture
def images(files: list[bytes]) -> list[Dataset]:
    """The slices without identity."""
    return [parse_dicom(strip(content, KEY).content) for content in files]


@pytest.fixture
def volume(images: list[Dataset]) -> Volume:
    """Their volume."""
    return series_volume(images)


@pytest.fixture
def masks(volume: Volume) -> dict[int, np.ndarray]:
    """A block with a hole, and another."""
    one, two = np.zeros(volume.voxels.shape, bool), np.zeros(volume.voxels.shape, bool)
    one[20:40, 30:45, 10:20], one[25:30, 35:40, 12:15], two[5:10, 5:12, 11:14] = True, False, True
    return {1: one, 2: two}


def _file(written: Dataset) -> bytes:
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, written, enforce_file_format=True)
    return stream.getvalue()


def test_taking_identity_off_adds_no_error(files: list[bytes], dicom_errors: Errors) -> None:
    for content in files[::8]:
        assert dicom_errors(strip(content, KEY).content) <= dicom_errors(content)


def test_contours_have_no_error(
    images: list[Dataset], volume: Volume, masks: dict[int, np.ndarray], dicom_errors: Errors
) -> None:
    structures = [mask_structure(mask, volume, number, f"region {number}") for number, mask in masks.items()]
    assert dicom_errors(_file(structure_set(structures, volume, images[0]))) == set()


def test_a_segmentation_has_no_error(
    images: list[Dataset], volume: Volume, masks: dict[int, np.ndarray], dicom_errors: Errors
) -> None:
    assert dicom_errors(_file(segmentation(masks, SEGMENTS, volume, images))) == set()


def test_a_label_map_has_no_error_that_the_validator_could_know(
    images: list[Dataset], volume: Volume, masks: dict[int, np.ndarray], dicom_errors: Errors
) -> None:
    assert dicom_errors(_file(segmentation(masks, SEGMENTS, volume, images, label_map=True))) <= UNKNOWN
