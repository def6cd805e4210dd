"""A survey counts a folder's objects and repeats nothing that could name a patient."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.bench.slices import slice_file
from radloop.dicom.headline import Headline
from radloop.running import scan_folder
from radloop.sources.survey import Kind, count, survey


def test_slices_are_counted_by_kind_study_and_series(tmp_path: Path) -> None:
    for number in (0, 1, 2, 100):
        (tmp_path / f"{number}.dcm").write_bytes(slice_file(number, 16))
    (tmp_path / "readme.txt").write_text("no film")
    (tmp_path / ".hidden").write_bytes(slice_file(3, 16))
    found = survey(tmp_path)
    assert found.kinds == (Kind("CT", "16 x 16", 2, 2, 4, 4),)
    assert found.unreadable == 1


def test_a_name_in_the_place_of_a_modality_is_told_as_other() -> None:
    (kind,) = count([Headline("1.2", "WOBBLE", "1", "2", 0, 0, 0)]).kinds
    assert kind == Kind("other", "none", 1, 1, 1, 0)


def test_the_table_tells_no_identity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Invented^Ann.dcm").write_bytes(slice_file(0, 16))
    scan_folder(tmp_path)
    told = capsys.readouterr().out
    assert "CT" in told and "16 x 16" in told
    assert not any(part in told for part in ("nvented", "2.25", "A4711"))
