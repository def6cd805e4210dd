"""NIfTI pairs: nameless when stored, linked when read, refused where their place is a guess."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from radloop.catalog import Admission, read_catalog, read_content
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError, StudyRejected
from radloop.ingest import ingest
from radloop.nifti import clean_nifti, read_nifti
from radloop.records import Arrival, Rejection
from radloop.sources import open_source
from radloop.volumes import read_mask, read_volume

AFFINE = np.array([[-2.0, 0, 0, 90], [0, 1.5, 0, -126], [0, 0, 3, -72], [0, 0, 0, 1]])
SECRET = b"Zanzibar^Quentin MRN-4711"


def nifti(voxels: np.ndarray, affine: np.ndarray = AFFINE, order: str = "<") -> bytes:
    """A file with a name wherever one can be, and an extension."""
    codes = {"u1": 2, "i2": 4, "f4": 16}
    head = bytearray(352)
    struct.pack_into(f"{order}i", head, 0, 348)
    head[4:14], head[14:32] = SECRET[:10], SECRET[:18]
    struct.pack_into(f"{order}8h", head, 40, voxels.ndim, *(list(voxels.shape) + [1] * (7 - voxels.ndim)))
    struct.pack_into(f"{order}2h", head, 70, codes[voxels.dtype.str[1:]], 8 * voxels.itemsize)
    struct.pack_into(f"{order}4f", head, 76, 1, 2, 1.5, 3)
    struct.pack_into(f"{order}3f", head, 108, 384, 0, 0)
    head[148 : 148 + len(SECRET)] = head[228 : 228 + 24] = b""
    head = bytearray(bytes(head[:148]) + SECRET.ljust(80, b"\0") + SECRET[:24] + bytes(352 - 252))
    struct.pack_into(f"{order}2h", head, 252, 0, 1)
    struct.pack_into(f"{order}12f", head, 280, *affine[:3].ravel())
    head[328 : 328 + 16], head[344:348], head[348] = SECRET[:16], b"n+1\0", 1
    extension = struct.pack(f"{order}2i", 32, 6) + SECRET[:24].ljust(24, b"\0")
    return bytes(head) + extension + voxels.astype(f"{order}{voxels.dtype.str[1:]}").tobytes(order="F")


def image() -> np.ndarray:
    return np.random.default_rng(1).integers(-500, 500, (4, 5, 3)).astype("i2")


def label() -> np.ndarray:
    return (np.arange(60).reshape(4, 5, 3) % 3).astype("u1")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two patients by convention, one of them with a mask."""
    folder = tmp_path / "pairs"
    for patient in ("Zanzibar", "Other"):
        (folder / patient).mkdir(parents=True)
        (folder / patient / "MR_T1_image.nii.gz").write_bytes(gzip.compress(nifti(image())))
    (folder / "Zanzibar" / "MR_T1_mask.nii.gz").write_bytes(gzip.compress(nifti(label())))
    return folder


def test_only_numbers_are_stored_and_all_of_those() -> None:
    stored, found = clean_nifti(nifti(image()))
    assert not any(part in stored for part in (b"Zanzibar", b"Quentin", b"MRN-4711", b"4711"))
    again = read_nifti(stored)
    np.testing.assert_array_equal(again.voxels, image())
    np.testing.assert_array_equal(again.affine, found.affine)
    np.testing.assert_array_equal(found.affine, AFFINE)


def test_one_image_has_one_spelling() -> None:
    plain = clean_nifti(nifti(image()))[0]
    for other in (nifti(image(), order=">"), gzip.compress(nifti(image())), plain):
        assert clean_nifti(other)[0] == plain


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda c: c[:-8], "truncated"),
        (lambda c: gzip.compress(c)[:-20], "truncated"),
        (lambda c: b"\x1f\x8b" + c, "unreadable_nifti"),
        (lambda c: c[:252] + bytes(4) + c[256:], "no_geometry"),
        (lambda c: c[:252] + struct.pack("<2h", 1, 1) + c[256:], "two_affines"),
        (lambda c: c[:123] + b"\1" + c[124:], "spatial_unit"),
        (lambda c: c[:70] + struct.pack("<h", 128) + c[72:], "voxel_type"),
        (lambda c: c[:344] + b"ni1\0" + c[348:], "not_nifti"),
        (lambda c: c[:112] + struct.pack("<f", float("nan")) + c[116:], "lookup_table"),
        (lambda c: c[:40], "not_nifti"),
    ],
)
def test_what_has_no_sure_place_or_value_is_refused(spoil: Callable[[bytes], bytes], reason: str) -> None:
    with pytest.raises(StudyRejected) as refused:
        clean_nifti(spoil(nifti(image())))
    assert refused.value.reason == reason


def test_a_fourth_dimension_is_refused() -> None:
    with pytest.raises(StudyRejected) as refused:
        clean_nifti(nifti(np.zeros((4, 5, 3, 2), "i2")))
    assert refused.value.reason == "several_volumes"


def test_an_image_and_its_mask_come_back_from_the_snapshot(pairs: Path, tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    snapshot = tmp_path / "d"
    assert ingest(open_source("nifti", pairs, pseudonyms), snapshot) == Admission(admitted=3)
    frame = read_catalog(snapshot)
    mask = next(frame[frame["role"] == "mask"].itertuples())
    series = frame[frame["series_id"] == mask.series_id]
    assert mask.of in set(series["record_id"]) and set(frame["modality"]) == {"MR"}
    assert frame["patient_id"].nunique() == 2
    volume = read_volume(snapshot, series)
    np.testing.assert_array_equal(volume.voxels, image())
    np.testing.assert_array_equal(volume.to_ras()[1], AFFINE)
    np.testing.assert_array_equal(read_mask(snapshot, mask, volume), label())
    assert b"Zanzibar" not in read_content(snapshot, mask) + b"".join(
        path.read_bytes() for path in snapshot.rglob("*.*") if path.is_file()
    )
    assert ingest(open_source("nifti", pairs, pseudonyms), snapshot) == Admission(already=3)


def test_a_mask_on_another_grid_is_refused(pairs: Path, tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    shifted = AFFINE + np.outer([1, 0, 0, 0], [0, 0, 0, 0.5])
    (pairs / "Zanzibar" / "MR_T1_mask.nii.gz").write_bytes(gzip.compress(nifti(label(), shifted)))
    ingest(open_source("nifti", pairs, pseudonyms), tmp_path / "d")
    frame = read_catalog(tmp_path / "d")
    mask = next(frame[frame["role"] == "mask"].itertuples())
    volume = read_volume(tmp_path / "d", frame[frame["series_id"] == mask.series_id])
    with pytest.raises(StudyRejected, match="grid"):
        read_mask(tmp_path / "d", mask, volume)


def test_a_mask_of_grey_values_is_quarantined(pairs: Path, pseudonyms: Pseudonyms) -> None:
    grey = (image() / 7).astype("f4")
    (pairs / "Zanzibar" / "MR_T1_mask.nii.gz").write_bytes(gzip.compress(nifti(grey)))
    refused = [item for item in open_source("nifti", pairs, pseudonyms) if isinstance(item, Rejection)]
    assert [item.reason for item in refused] == ["not_a_mask"] and "Zanzibar" not in str(refused)


def test_a_manifest_tells_patient_age_sex_site_and_modality(pairs: Path, pseudonyms: Pseudonyms) -> None:
    line = "P-1,Zanzibar/MR_T1_image.nii.gz,Zanzibar/MR_T1_mask.nii.gz,mr,F,61,Saint Nowhere\n"
    (pairs / "manifest.csv").write_text(f"patient,image,mask,modality,sex,age,site\n{line}")
    arrivals = [item for item in open_source("nifti", pairs, pseudonyms) if isinstance(item, Arrival)]
    assert [(a.record.role, a.record.sex, a.record.age, a.record.modality) for a in arrivals] == [
        ("image", "F", 61.0, "MR"),
        ("mask", "F", 61.0, "MR"),
    ]
    assert all(a.record.patient_id == pseudonyms.patient("P-1") for a in arrivals)
    assert "Nowhere" not in str(arrivals)


@pytest.mark.parametrize("outside", ["../secret.nii", "link.nii"])
def test_no_name_and_no_link_leads_out_of_the_folder(pairs: Path, pseudonyms: Pseudonyms, outside: str) -> None:
    (pairs.parent / "secret.nii").write_bytes(nifti(image()))
    (pairs / "link.nii").symlink_to(pairs.parent / "secret.nii")
    (pairs / "manifest.csv").write_text(f"patient,image,mask,modality\nP-1,{outside},,MR\n")
    with pytest.raises(ConfigurationError, match="outside"):
        open_source("nifti", pairs, pseudonyms)


@pytest.mark.parametrize("table", ["patient,image\n", "patient,image,mask,modality\nP,a.nii,a.nii,MR\n"])
def test_a_manifest_without_a_column_or_with_a_file_twice_is_refused(
    pairs: Path, pseudonyms: Pseudonyms, table: str
) -> None:
    (pairs / "manifest.csv").write_text(table)
    with pytest.raises(ConfigurationError, match=r"manifest\.csv"):
        open_source("nifti", pairs, pseudonyms)


def test_a_decathlon_folder_pairs_by_name(tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    for part, voxels in (("imagesTr", image()), ("labelsTr", label()), ("imagesTs", image())):
        (tmp_path / "msd" / part).mkdir(parents=True)
        name = "case_2.nii.gz" if part == "imagesTs" else "case_1.nii.gz"
        (tmp_path / "msd" / part / name).write_bytes(gzip.compress(nifti(voxels)))
    arrivals = [item.record for item in open_source("msd", tmp_path / "msd", pseudonyms) if isinstance(item, Arrival)]
    assert [record.role for record in arrivals] == ["image", "mask", "image"]
    assert arrivals[1].of == arrivals[0].record_id and arrivals[1].patient_id == arrivals[0].patient_id


@pytest.mark.parametrize(
    ("told", "modality"),
    [('{"modality": {"0": "MRI"}}', "MR"), ('{"modality": {"0": "FLAIR", "1": "T1w"}}', "MR"),
     ('{"modality": {"0": "CT", "1": "PET"}}', None), ('{"name": "x"}', None), (None, None)],
)  # fmt: skip
def test_a_decathlon_tells_its_modality_in_dataset_json(
    tmp_path: Path, pseudonyms: Pseudonyms, told: str | None, modality: str | None
) -> None:
    for part, voxels in (("imagesTr", image()), ("labelsTr", label())):
        (tmp_path / "msd" / part).mkdir(parents=True)
        (tmp_path / "msd" / part / "case_1.nii.gz").write_bytes(gzip.compress(nifti(voxels)))
    if told:
        (tmp_path / "msd" / "dataset.json").write_text(told)
    arrivals = list(open_source("msd", tmp_path / "msd", pseudonyms))
    assert [one.record.modality for one in arrivals if isinstance(one, Arrival)] == [modality] * 2


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"modality": 3}'])
def test_a_dataset_json_that_cannot_be_read_is_an_error(pairs: Path, pseudonyms: Pseudonyms, content: bytes) -> None:
    (pairs / "dataset.json").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"dataset\.json"):
        open_source("msd", pairs, pseudonyms)
