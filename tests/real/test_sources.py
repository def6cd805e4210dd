"""The sources on real, public data, read in place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radloop.catalog import Admission, read_catalog, read_contents, read_quarantine
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.imaging.pixels import read_pixels
from radloop.ingest import ingest
from radloop.sources import open_source

pytestmark = pytest.mark.real
KEY = Pseudonyms(b"a key that only this test knows....")


def test_the_real_chest_set_is_ingested_whole(shared_data: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "d"
    assert ingest(open_source("nih_cxr", shared_data / "nih_cxr", KEY), snapshot) == Admission(admitted=808)
    frame = read_catalog(snapshot)
    assert frame["patient_id"].nunique() == 546
    assert frame["study_id"].nunique() == 808
    assert frame[["modality", "site", "manufacturer", "acquired_on", "kvp"]].isna().all(axis=None)
    assert frame["pixel_sha256"].nunique() == 807, "two follow-ups of one patient were published with one image"
    assert 0.4 < frame["findings"].map(lambda found: "Pneumonia" in found).mean() < 0.6
    assert ingest(open_source("nih_cxr", shared_data / "nih_cxr", KEY), snapshot) == Admission(already=808)


def test_real_ct_mr_and_pet_are_read_with_their_contours(shared_data: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "d"
    admission = ingest(open_source("dicom_folder", shared_data / "dicom_sts_004", KEY), snapshot)
    assert admission == Admission(admitted=233)
    frame = read_catalog(snapshot)
    assert frame["modality"].value_counts().to_dict() == {"CT": 85, "PT": 85, "MR": 60, "RTSTRUCT": 3}
    assert frame["patient_id"].nunique() == frame["study_id"].nunique() == 1
    assert set(frame["sex"]) == {"F"}
    assert read_quarantine(snapshot).empty
    _check_hounsfield(snapshot)
    stored = b"".join(path.read_bytes() for path in snapshot.rglob("*.*") if path.is_file())
    assert b"STS_004" not in stored and b"1.3.6.1.4.1.14519" not in stored


def _check_hounsfield(snapshot: Path) -> None:
    frame = read_catalog(snapshot)
    scans = frame[frame["modality"] == "CT"]
    values = np.concatenate(
        [read_pixels(content, "application/dicom").ravel() for _, content in read_contents(snapshot, scans)]
    )
    assert -1100 <= values.min() <= -900, "air"
    assert values.max() > 800, "bone"


def test_the_real_pneumonia_set_of_medmnist_is_ingested_whole(shared_data: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "d"
    assert ingest(open_source("medmnist", shared_data / "medmnist", KEY), snapshot) == Admission(admitted=5856)
    frame = read_catalog(snapshot)
    assert frame["findings"].map(lambda found: "Pneumonia" in found).sum() == 4273
    assert frame["patient_id"].nunique() == frame["pixel_sha256"].nunique() < 5856
