"""A folder of films of any name: read in order, labelled by its table, its misfits refused by name of the reason."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet

from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError
from radloop.records import Arrival, Rejection
from radloop.sections.intake import Deidentify
from radloop.sources import open_source

Film = Callable[..., Dataset]
Folder = Callable[..., Path]


def test_findings_come_from_the_table(film: Film, dicom_folder: Folder, pseudonyms: Pseudonyms) -> None:
    folder = dicom_folder(a=film("1.1"), b=film("1.2"), c=film("1.3"))
    (folder / "labels.csv").write_text("sop_instance_uid,findings\n1.1,Pneumonia|Effusion\n1.2,\n")
    arrivals = [item for item in open_source("dicom_folder", folder, pseudonyms) if isinstance(item, Arrival)]
    assert [arrival.record.findings for arrival in arrivals] == [["Pneumonia", "Effusion"], [], None]


def test_files_are_found_at_any_depth_under_any_name(
    film: Film, dicom_folder: Folder, file_of: Callable[[Dataset], bytes], pseudonyms: Pseudonyms
) -> None:
    folder = dicom_folder(IM0001=film("1.1"))
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "x.weird").write_bytes(file_of(film("1.2")))
    (folder / ".hidden").write_bytes(b"")
    (folder / "truth.parquet").write_bytes(b"")
    source = open_source("dicom_folder", folder, pseudonyms)
    assert len(source) == len(list(source)) == 2


def test_misfits_are_refused_and_the_others_go_on(
    film: Film, dicom_folder: Folder, file_of: Callable[[Dataset], bytes], pseudonyms: Pseudonyms
) -> None:
    whole = file_of(film("1.1"))
    folder = dicom_folder(a=whole, empty=b"", text=b"no film", truncated=whole[:-200], Zanzibar=b"x")
    items = list(open_source("dicom_folder", folder, pseudonyms))
    refused = [item for item in items if isinstance(item, Rejection)]
    assert [item.reason for item in refused] == ["not_dicom", "empty_file", "not_dicom", "truncated"]
    assert len(items) == 5
    assert "Zanzibar" not in str(refused)
    assert [item.position for item in refused] == [0, 2, 3, 4]


def test_findings_are_found_where_uids_are_retained(film: Film, dicom_folder: Folder) -> None:
    folder = dicom_folder(a=film("1.2.3.4.5.6"))
    (folder / "labels.csv").write_text("sop_instance_uid,findings\n1.2.3.4.5.6,Pneumonia\n")
    retaining = Pseudonyms(b"a key that only this test knows....", Profile(Deidentify(retain_uids=True)))
    (arrival,) = open_source("dicom_folder", folder, retaining)
    assert isinstance(arrival, Arrival)
    assert (arrival.record.instance_uid, arrival.record.findings) == ("1.2.3.4.5.6", ["Pneumonia"])


def test_two_readings_yield_the_same(film: Film, dicom_folder: Folder, pseudonyms: Pseudonyms) -> None:
    source = open_source("dicom_folder", dicom_folder(a=film("1.1"), b=film("1.2"), c=b""), pseudonyms)
    assert list(source) == list(source)


def test_a_simulated_folder_says_so_in_every_record(film: Film, dicom_folder: Folder, pseudonyms: Pseudonyms) -> None:
    (arrival,) = open_source("simulated", dicom_folder(a=film()), pseudonyms)
    assert isinstance(arrival, Arrival) and arrival.record.source == "simulated"


def test_a_table_without_its_column_is_refused_by_the_columns_name(
    film: Film, dicom_folder: Folder, pseudonyms: Pseudonyms
) -> None:
    folder = dicom_folder(a=film())
    (folder / "labels.csv").write_text("uid,findings\n")
    with pytest.raises(ConfigurationError, match="lacks the column sop_instance_uid"):
        open_source("dicom_folder", folder, pseudonyms)


def test_a_table_that_names_a_film_twice_is_refused(film: Film, dicom_folder: Folder, pseudonyms: Pseudonyms) -> None:
    folder = dicom_folder(a=film())
    (folder / "labels.csv").write_text("sop_instance_uid,findings\n1.1,A\n1.1,B\n")
    with pytest.raises(ConfigurationError, match="line 3"):
        open_source("dicom_folder", folder, pseudonyms)


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="holds no file"):
        open_source("dicom_folder", tmp_path / "empty", pseudonyms)
    with pytest.raises(ConfigurationError, match="no folder"):
        open_source("dicom_folder", tmp_path / "nowhere", pseudonyms)


def test_an_unknown_source_lists_the_known_ones(tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    with pytest.raises(ConfigurationError, match="dicom_folder, nih_cxr"):
        open_source("fax", tmp_path, pseudonyms)


@pytest.fixture
def media(tmp_path: Path, film: Film, file_of: Callable[[Dataset], bytes]) -> Path:
    """Two films with a DICOMDIR, as they lie on a disc that is mounted with names in lower case."""
    files = FileSet()
    for uid in ("1.1", "1.2"):
        files.add(
            dcmread(
                io.BytesIO(
                    file_of(
                        film(uid, PatientID="P1", StudyID="1", StudyTime="120000", SeriesNumber=1, InstanceNumber=1)
                    )
                )
            )
        )
    files.write(tmp_path / "disc")
    for path in sorted((tmp_path / "disc").rglob("*"), key=lambda path: -len(path.parts)):
        path.rename(path.with_name(path.name.lower()))
    return tmp_path / "disc"


def test_a_dicomdir_is_a_list_and_no_film(media: Path, pseudonyms: Pseudonyms) -> None:
    items = list(open_source("dicom_folder", media, pseudonyms))
    assert [type(item) for item in items] == [Arrival, Arrival]
    assert list(open_source("dicom_folder", media / "dicomdir", pseudonyms)) == items


def test_a_film_that_a_dicomdir_lists_and_the_disc_lacks_is_missed(media: Path, pseudonyms: Pseudonyms) -> None:
    next(path for path in media.rglob("*") if path.is_file() and path.name != "dicomdir").unlink()
    items = list(open_source("dicom_folder", media, pseudonyms))
    assert [item.reason for item in items if isinstance(item, Rejection)] == ["unreadable_file"] and len(items) == 2


def test_a_dicomdir_cannot_lead_out_of_its_folder(media: Path, pseudonyms: Pseudonyms) -> None:
    directory = dcmread(media / "dicomdir")
    for record in directory.DirectoryRecordSequence:
        if "ReferencedFileID" in record:
            record.ReferencedFileID = ["..", "SECRET"]
    directory.save_as(media / "dicomdir")
    (media.parent / "SECRET").write_bytes(b"")
    assert len(open_source("dicom_folder", media, pseudonyms)) == 2


def test_a_file_that_only_has_the_name_of_a_dicomdir_is_judged_as_a_film(
    film: Film, dicom_folder: Folder, pseudonyms: Pseudonyms
) -> None:
    items = list(open_source("dicom_folder", dicom_folder(DICOMDIR=b"no directory", a=film()), pseudonyms))
    assert [item.reason for item in items if isinstance(item, Rejection)] == ["not_dicom"]
