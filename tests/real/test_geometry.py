"""Geometry on real series: against the NIfTI twins that other hands converted, and against other readers."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pytest
from pydicom.dataset import Dataset

from radloop.dicom.read import parse_dicom
from radloop.dicom.segmentation import segmentation
from radloop.dicom.segments import Segment, segment_masks
from radloop.dicom.series import series_volume
from radloop.dicom.structure_set import structure_set
from radloop.dicom.structures import mask_structure, read_structures, structure_mask
from radloop.dicom.suv import suv_factor, suv_volume
from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:The string")]  # highdicom would quote a name
MODALITIES = ("CT", "PET", "MR_T1")
TWINNED = ("PET", "MR_T1")
TUMOUR = Segment(1, "GTV", ("49755003", "SCT", "Morphologically Abnormal Structure"), ("4147007", "SCT", "Mass"))


def _images(shared_data: Path, modality: str) -> list[Dataset]:
    folder = shared_data / "dicom_sts_004" / modality / "image"
    return [parse_dicom(path.read_bytes()) for path in sorted(folder.iterdir(), reverse=True)]


def _tumour(shared_data: Path, modality: str, volume: Volume) -> np.ndarray:
    content = (shared_data / "dicom_sts_004" / modality / "mask" / "RS.dcm").read_bytes()
    (structure,) = read_structures(parse_dicom(content))
    return structure_mask(structure, volume)


def _twin(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels [i, j, k] and RAS affine of a NIfTI-1 file, from its quaternion (nifti1.h, method 2)."""
    content = gzip.decompress(path.read_bytes())
    kinds = {2: "<u1", 4: "<i2", 16: "<f4", 64: "<f8"}
    shape = struct.unpack("<8h", content[40:56])[1:4]
    kind = np.dtype(kinds[struct.unpack("<h", content[70:72])[0]])
    fac, *spacing = struct.unpack("<4f", content[76:92])
    start, slope, intercept = (int(struct.unpack("<f", content[108:112])[0]), *struct.unpack("<2f", content[112:120]))
    assert (slope, intercept) in ((0, 0), (1, 0)) and struct.unpack("<2h", content[252:256]) == (1, 0)
    b, c, d, *offset = struct.unpack("<6f", content[256:280])
    a = np.sqrt(max(0.0, 1 - b * b - c * c - d * d))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * np.array([*spacing[:2], spacing[2] * (fac or 1)]), offset
    voxels = np.frombuffer(content, kind, int(np.prod(shape)), start)
    return voxels.reshape(shape, order="F"), affine


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.parametrize("modality", TWINNED)
def test_voxels_and_places_are_those_of_the_twin(shared_data: Path, modality: str) -> None:
    volume = series_volume(_images(shared_data, modality))
    twin, twin_affine = _twin(shared_data / "sts_sarcoma" / "STS_004" / f"{modality}_image.nii.gz")
    voxels, affine = volume.to_ras()
    assert voxels.shape == twin.shape
    corners = np.array([[i, j, k, 1] for i in (0, twin.shape[0]) for j in (0, twin.shape[1]) for k in (0, 84)])
    assert np.abs(corners @ (affine - twin_affine).T).max() < 1e-3, "mm, at the farthest corner"
    np.testing.assert_allclose(voxels, twin, rtol=1e-6, atol=0)


@pytest.mark.parametrize("modality", TWINNED)
def test_the_contoured_tumour_is_the_mask_of_the_twin(shared_data: Path, modality: str) -> None:
    volume = series_volume(_images(shared_data, modality))
    mask = _tumour(shared_data, modality, volume)
    twin, _ = _twin(shared_data / "sts_sarcoma" / "STS_004" / f"{modality}_mask.nii.gz")
    assert _dice(mask, twin > 0) >= 0.999, "1.0 was measured: not one voxel differs"


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_tumour_goes_to_contours_and_to_a_segmentation_and_back(shared_data: Path, modality: str) -> None:
    images = _images(shared_data, modality)
    volume = series_volume(images)
    mask = _tumour(shared_data, modality, volume)
    written = structure_set([mask_structure(mask, volume, 1, "GTV")], volume, images[0])
    assert _dice(structure_mask(read_structures(written)[0], volume), mask) == 1
    for label_map in (False, True):
        held = segment_masks(segmentation({1: mask}, [TUMOUR], volume, images, label_map=label_map), volume)
        np.testing.assert_array_equal(held[1], mask)


def test_the_tumour_contoured_on_ct_and_mr_is_of_one_size(shared_data: Path) -> None:
    sizes = []
    for modality in MODALITIES:
        volume = series_volume(_images(shared_data, modality))
        sizes.append(_tumour(shared_data, modality, volume).sum() * np.prod(volume.spacing) / 1000)
    assert max(sizes) / min(sizes) < 1.01, "ml: the three were copied from one contour"


def test_the_pet_is_in_suv_already_and_stays(shared_data: Path) -> None:
    images = _images(shared_data, "PET")
    assert suv_factor(images) == 1
    volume = suv_volume(images)
    assert volume.unit == "g/ml"
    assert 4 < volume.voxels.max() < 8


@pytest.mark.parametrize("modality", MODALITIES)
def test_highdicom_reads_the_same_volume(shared_data: Path, modality: str) -> None:
    images = _images(shared_data, modality)
    volume, oracle = series_volume(images), highdicom.get_volume_from_series(images)
    places = volume.positions(np.array([[0, 0, 0], [3, 5, 7], [40, 30, 50]]))
    for (i, j, k), at in zip(np.rint(volume.indices(places)), oracle.map_reference_to_indices(places), strict=True):
        assert np.abs(at - np.rint(at)).max() < 1e-3
        assert oracle.array[tuple(np.rint(at).astype(int))] == pytest.approx(volume.voxels[int(i), int(j), int(k)])
    np.testing.assert_allclose(np.sort(oracle.array, axis=None), np.sort(volume.voxels, axis=None), rtol=1e-6)


@pytest.mark.parametrize("modality", MODALITIES)
def test_simpleitk_reads_the_same_volume(shared_data: Path, modality: str) -> None:
    sitk: Any = pytest.importorskip("SimpleITK", reason="an oracle of 260 MB, not in the lock: pip install SimpleITK")
    folder = str(shared_data / "dicom_sts_004" / modality / "image")
    image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(folder), sitk.sitkFloat64)
    volume = series_volume(_images(shared_data, modality))
    np.testing.assert_allclose(sitk.GetArrayFromImage(image).T, volume.voxels, rtol=1e-6)
    for index in ((0, 0, 0), (image.GetWidth() - 1, image.GetHeight() - 1, image.GetDepth() - 1)):
        place = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(volume.positions(np.array([index]))[0], place, atol=1e-3)


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_real_series_that_lost_a_slice_or_met_another_is_refused(shared_data: Path, modality: str) -> None:
    images = _images(shared_data, modality)
    for broken in (images[:20] + images[21:], images + _images(shared_data, "MR_T1" if modality == "CT" else "CT")):
        with pytest.raises(StudyRejected) as refused:
            series_volume(broken)
        assert refused.value.reason in ("missing_slice", "several_series")
