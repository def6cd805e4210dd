"""The headline in a file's first bytes is what pydicom reads, or the file is left to pydicom."""

from __future__ import annotations

import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_files

from radloop.bench.slices import SMALL, slice_file
from radloop.dicom.headline import FIRST, headline, of_dataset, scan
from radloop.dicom.parse import Unusual


def test_headlines_of_the_whole_corpus_are_those_of_pydicom() -> None:
    scanned = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in (Path(name) for name in get_testdata_files() if Path(name).is_file()):
            try:
                found = scan(path.read_bytes()[:FIRST])
            except Unusual:
                continue
            assert found == of_dataset(pydicom.dcmread(path, stop_before_pixels=True)), path.name
            scanned += 1
    assert scanned >= 80


@pytest.mark.parametrize("length", [0, 100, 131, 132, 140, 300, 700])
def test_a_file_cut_short_is_never_guessed_at(length: int) -> None:
    with pytest.raises(Unusual):
        scan(slice_file(1, SMALL)[:length])


def test_an_object_behind_a_long_attribute_is_left_to_pydicom(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm"))
    dataset.PatientComments = "long " * 2000
    dataset.save_as(tmp_path / "long.dcm")
    with pytest.raises(Unusual):
        scan((tmp_path / "long.dcm").read_bytes()[:FIRST])
    found = headline(tmp_path / "long.dcm")
    assert found is not None and (found.modality, found.rows, found.columns) == ("CT", 128, 128)


def test_what_is_no_dicom_has_no_headline(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear colleague")
    assert headline(tmp_path / "letter.txt") is None
    assert headline(tmp_path / "nowhere") is None
