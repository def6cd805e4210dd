"""From a folder to a snapshot, and from production back into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from pydicom.dataset import Dataset

from radloop.catalog import Admission, read_catalog, read_quarantine
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.ingest import admit_labelled, ingest
from radloop.retained import retain
from radloop.sources import open_source, read_instance

Film = Callable[..., Dataset]
FileOf = Callable[[Dataset], bytes]


def test_no_planted_identifier_is_anywhere_in_a_snapshot(
    tmp_path: Path,
    film: Film,
    file_of: FileOf,
    dicom_folder: Callable[..., Path],
    pseudonyms: Pseudonyms,
    planted: tuple[str, ...],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = dicom_folder(
        Zanzibar_Quentin=film("1.2.3.4.5.1"),
        MRN_4711=film("1.2.3.4.5.1", PatientID="MRN-4711-B"),
        cut=file_of(film("1.2.3.4.5.2"))[:-120],
        old=film("1.2.3.4.5.3", PatientAge="412Y"),
        odd=film("1.2.3.4.5.4", PatientSex="ZANZIBAR"),
        pixelless=film("1.2.3.4.5.5", PixelData=None),
    )
    admission = ingest(open_source("dicom_folder", folder, pseudonyms), tmp_path / "snapshot")
    assert admission == Admission(admitted=1, quarantined=5)
    catalog, quarantine = read_catalog(tmp_path / "snapshot"), read_quarantine(tmp_path / "snapshot")
    assert sorted(quarantine["reason"]) == [
        "age_out_of_range", "instance_uid_conflict", "no_pixels", "truncated", "unknown_sex",
    ]  # fmt: skip
    files = [path for path in (tmp_path / "snapshot").rglob("*") if path.is_file()]
    shown = capfd.readouterr()
    everything = "".join(
        (catalog.to_csv(), quarantine.to_csv(), caplog.text, shown.out, shown.err, *map(str, files))
    ).encode() + b"".join(path.read_bytes() for path in files)
    words = (*planted, "ZANZIBAR", "MRN_4711", "Zanzibar_Quentin")
    assert [word for word in words if word.encode() in everything] == []


def test_progress_counts_everything_that_was_read(
    tmp_path: Path, film: Film, dicom_folder: Callable[..., Path], pseudonyms: Pseudonyms
) -> None:
    counts: list[int] = []
    source = open_source("dicom_folder", dicom_folder(a=film("1.1"), b=b"", c=film("1.2")), pseudonyms)
    assert ingest(source, tmp_path / "d", counts.append) == Admission(admitted=2, quarantined=1)
    assert counts == [1, 1, 1]


def test_labelled_production_studies_enter_the_catalog_with_their_findings(
    tmp_path: Path, film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    arrivals = [read_instance(file_of(film(uid)), pseudonyms, "serve") for uid in ("1.1", "1.2", "1.3")]
    for arrival in arrivals:
        retain(tmp_path / "kept", arrival)
    digests = [arrival.record.sha256 for arrival in arrivals]
    labelled = pd.DataFrame(
        {
            "input_sha256": [digests[0], digests[0], digests[1], digests[2], "f" * 64],
            "label_findings": [["Nodule"], ["Pneumonia"], [], None, ["Pneumonia"]],
        }
    )
    admission = admit_labelled(tmp_path / "d", tmp_path / "kept", labelled)
    assert admission == Admission(admitted=2, quarantined=1)
    assert read_catalog(tmp_path / "d")["findings"].tolist() == [["Pneumonia"], []]
    assert read_quarantine(tmp_path / "d")["reason"].tolist() == ["not_retained"]
    assert admit_labelled(tmp_path / "d", tmp_path / "kept", labelled) == Admission(already=3)
