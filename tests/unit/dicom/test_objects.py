"""RTSTRUCT and SEG from a folder to a snapshot: nameless, of their series, and drawn as they were."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from radloop.catalog import Admission, read_catalog, read_content, read_quarantine
from radloop.dicom.objects import strip_mask
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import parse_dicom
from radloop.dicom.segmentation import segmentation
from radloop.dicom.segments import Segment
from radloop.dicom.series import series_volume
from radloop.dicom.structure_set import structure_set
from radloop.dicom.structures import mask_structure
from radloop.dicom.vocabulary import cleaned, cleaned_region
from radloop.errors import StudyRejected
from radloop.ingest import ingest
from radloop.sections.intake import Deidentify, Select
from radloop.sources import open_source, read_instance
from radloop.volumes import read_mask, read_regions, read_volume, region_names

FileOf = Callable[[Dataset], bytes]
Parts = dict[str, Dataset]
SECRETS = (b"Quentin", b"Zanzibar", b"invented", b"MRN-4711", b"1.2.826.0", b"secret")
TISSUE = ("123037004", "SCT", "Anatomical Structure"), ("85756007", "SCT", "Tissue")
MASK = np.zeros((5, 6, 7), bool)
MASK[1:4, 2:5, 1:5] = True
MASK[2, 3, 2] = False
OTHER = np.zeros((5, 6, 7), bool)
OTHER[0, :3, 3:6] = True


@pytest.fixture
def parts(series: Callable[..., list[Dataset]]) -> Parts:
    """A series of seven slices with names in it, and its masks as both kinds of object."""
    slices = series(7, PatientName="Quentin^Zanzibar", PatientID="MRN-4711")
    volume = series_volume(slices)
    structures = [
        mask_structure(MASK, volume, 1, "GTV_1 Quentin secret"), mask_structure(OTHER, volume, 4, "Zanzibar")
    ]  # fmt: skip
    outlined = structure_set(structures, volume, slices[0])
    outlined.StructureSetName = "plan of Quentin"
    outlined.add_new(0x30090010, "LO", "SECRETS INC")
    outlined.add_new(0x30091001, "LO", "secret")
    segments = [Segment(1, "Lesion of Zanzibar", *TISSUE), Segment(2, "Quentin", *TISSUE)]
    painted = segmentation({1: MASK, 2: OTHER}, segments, volume, slices)
    numbered = segmentation({1: MASK, 2: OTHER}, segments, volume, slices, label_map=True)
    named = {f"image{number}": one for number, one in enumerate(slices)}
    return {**named, "contours": outlined, "bits": painted, "numbers": numbered}


@pytest.fixture
def folder(tmp_path: Path, parts: Parts, file_of: FileOf) -> Path:
    """The parts as files."""
    (tmp_path / "in").mkdir()
    for name, one in parts.items():
        (tmp_path / "in" / name).write_bytes(file_of(one))
    return tmp_path / "in"


def test_masks_come_back_from_the_snapshot_on_the_grid_of_their_images(
    folder: Path, tmp_path: Path, pseudonyms: Pseudonyms
) -> None:
    source = open_source("dicom_folder", folder, pseudonyms)
    assert ingest(source, tmp_path / "d") == Admission(admitted=10)
    frame = read_catalog(tmp_path / "d")
    assert frame["series_id"].nunique() == 1 and frame["patient_id"].nunique() == 1
    volume = read_volume(tmp_path / "d", frame)
    rows = list(frame[frame["role"] == "mask"].itertuples())
    assert sorted(row.modality for row in rows) == ["RTSTRUCT", "SEG", "SEG"]
    for row in rows:
        assert row.of == row.series_id
        second = 4 if row.modality == "RTSTRUCT" else 2
        np.testing.assert_array_equal(read_mask(tmp_path / "d", row, volume), MASK + second * OTHER.astype(np.int32))
        assert set(region_names(tmp_path / "d", row).values()) <= {"GTV", "Lesion", "", "segment"}
        content = read_content(tmp_path / "d", row)
        assert [secret for secret in SECRETS if secret in content] == []
    assert ingest(source, tmp_path / "d") == Admission(already=10)


def test_equal_masks_have_equal_bytes_whatever_their_transfer_syntax(parts: Parts, pseudonyms: Pseudonyms) -> None:
    for name in ("contours", "bits", "numbers"):
        stored = [strip_mask(_written(parts[name], implicit), pseudonyms) for implicit in (False, True)]
        assert stored[0] and stored[1] and stored[0].content == stored[1].content
        again = parse_dicom(stored[0].content)
        assert again.PatientIdentityRemoved == "YES" and "BurnedInAnnotation" not in again


def _written(one: Dataset, implicit: bool) -> bytes:
    stream = io.BytesIO()
    syntax = "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1"
    one.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    pydicom.dcmwrite(stream, one, implicit_vr=implicit, little_endian=True, enforce_file_format=True)
    return stream.getvalue()


def test_bits_stay_packed_and_what_stands_behind_them_goes(
    parts: Parts, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    plain = strip_mask(file_of(parts["bits"]), pseudonyms)
    frames = parts["bits"].NumberOfFrames
    parts["bits"].PixelData = parts["bits"].PixelData + b"secret"
    again = strip_mask(file_of(parts["bits"]), pseudonyms)
    assert plain and again and plain.content == again.content
    assert len(plain.drawn) == -(-frames * 30 // 8)


def test_nothing_is_said_of_pixels_that_nobody_searched(parts: Parts, file_of: FileOf) -> None:
    searching = Pseudonyms(b"a key that only this test knows....", Profile(Deidentify(clean_pixel_data="clean")))
    mask = strip_mask(file_of(parts["contours"]), searching)
    assert mask and "113101" not in [item.CodeValue for item in mask.header.DeidentificationMethodCodeSequence]


@pytest.mark.parametrize(
    ("name", "spoil", "reason"),
    [
        ("contours", lambda d: delattr(d, "ReferencedFrameOfReferenceSequence"), "mask_of_no_one_series"),
        ("bits", lambda d: delattr(d, "ReferencedSeriesSequence"), "mask_of_no_one_series"),
        ("bits", lambda d: d.ReferencedSeriesSequence.append(_series("1.2.9")), "mask_of_no_one_series"),
        ("bits", lambda d: setattr(d, "SegmentationType", "FRACTIONAL"), "segmentation_type"),
        ("bits", lambda d: setattr(d, "PixelData", d.PixelData[:4]), "undecodable_pixels"),
        ("bits", lambda d: delattr(d, "PixelData"), "no_pixels"),
        ("contours", lambda d: delattr(d, "ROIContourSequence"), "no_contours"),
        ("contours", lambda d: setattr(d, "BodyPartExamined", "HEAD"), "recognisable_face"),
        ("contours", lambda d: setattr(d, "PatientAge", "412Y"), "age_out_of_range"),
    ],
)
def test_a_mask_that_cannot_be_used_is_refused(
    parts: Parts, file_of: FileOf, pseudonyms: Pseudonyms, name: str, spoil: Callable[[Dataset], Any], reason: str
) -> None:
    spoil(parts[name])
    with pytest.raises(StudyRejected) as refused:
        strip_mask(file_of(parts[name]), pseudonyms)
    assert refused.value.reason == reason
    assert not any(secret.decode() in str(refused.value) for secret in SECRETS)


def _series(uid: str) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = uid
    return item


def test_overlapping_regions_are_read_apart(
    tmp_path: Path, series: Callable[..., list[Dataset]], file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    slices = series(7)
    volume = series_volume(slices)
    regions = [mask_structure(MASK, volume, 1, "gtv"), mask_structure(MASK | OTHER, volume, 2, "ptv")]
    (tmp_path / "in").mkdir()
    for number, one in enumerate([*slices, structure_set(regions, volume, slices[0])]):
        (tmp_path / "in" / str(number)).write_bytes(file_of(one))
    ingest(open_source("dicom_folder", tmp_path / "in", pseudonyms), tmp_path / "d")
    frame = read_catalog(tmp_path / "d")
    row = next(frame[frame["role"] == "mask"].itertuples())
    again = read_volume(tmp_path / "d", frame)
    with pytest.raises(StudyRejected, match="overlap"):
        read_mask(tmp_path / "d", row, again)
    np.testing.assert_array_equal(read_regions(tmp_path / "d", row, again)[2], MASK | OTHER)
    assert region_names(tmp_path / "d", row) == {1: "gtv", 2: "ptv"}


def test_a_mask_of_a_series_that_is_not_selected_stays_out(
    folder: Path, tmp_path: Path, pseudonyms: Pseudonyms
) -> None:
    rules = Select.model_validate({"modality": {"include": ["CT"]}})
    admission = ingest(open_source("dicom_folder", folder, pseudonyms), tmp_path / "d", select=rules)
    assert admission == Admission(not_selected={"mask_of_no_selected_series": 3, "modality": 7})
    assert read_quarantine(tmp_path / "d").empty


def test_a_mask_is_no_image_to_predict_on(parts: Parts, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    for name in ("contours", "bits"):
        with pytest.raises(StudyRejected):
            read_instance(file_of(parts[name]), pseudonyms)


def test_words_of_contouring_are_kept_in_names_of_regions_alone() -> None:
    assert cleaned_region("GTV_1 Lung mass2 Quentin 4711", frozenset({"quentin"})) == "GTV Lung mass2"
    assert cleaned_region("GTV mass", frozenset({"mass"})) == "GTV"
    assert cleaned("GTV Lung mass", frozenset()) == "Lung"
