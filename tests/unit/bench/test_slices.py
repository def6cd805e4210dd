"""The bench of CT slices compares like with like; at this size its figures mean nothing."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
import pytest

from radloop.bench import slices
from radloop.bench.running import bench_slices
from radloop.files import read_json
from radloop.settings import Settings


def test_survey_and_removal_of_identity_are_set_beside_pydicom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SLICES", 2)
    bench_slices(Settings(home=tmp_path, workers=1), files=20, turns=3)
    (kept,) = (tmp_path / "bench").glob("slices-*.json")
    scan, edit = read_json(kept)["rows"]
    assert scan["equal"] == "20 equal headlines" and scan["goal"].startswith("at most 0.125")
    assert edit["equal"] == "attributes equal, pixels those of the input byte for byte"


def test_a_slices_header_is_as_long_as_a_scanners() -> None:
    found = pydicom.dcmread(io.BytesIO(slices.slice_file(1, 16)))
    assert len(found) >= 150 and sum(one.VR == "SQ" for one in found) >= 5
