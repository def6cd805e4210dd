"""A folder is scored once, its refusals are listed, and a crash loses nothing that was answered."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from radloop.errors import ConfigurationError, ServiceUnavailable
from radloop.predictions import PredictionLog
from radloop.retained import load_retained
from radloop.serving import infer
from radloop.serving.infer import score_folder
from radloop.serving.reader import Served

from .conftest import CASE, dicom, make_bundle

EVER = (date(2020, 1, 1), date(2100, 1, 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five radiographs, one CT, one broken file."""
    place = tmp_path / "studies"
    place.mkdir()
    for seed in range(5):
        (place / f"{seed}.dcm").write_bytes(dicom(seed))
    (place / "ct.dcm").write_bytes(dicom(7, modality="CT"))
    (place / "zero.dcm").write_bytes(b"")
    return place


@pytest.fixture
def log(settings) -> PredictionLog:
    return PredictionLog(settings.log)


def test_a_folder_is_scored_and_its_refusals_are_listed_by_hash_and_reason(folder, served, log, settings) -> None:
    report = score_folder(folder, served, log, settings)
    assert (report.scored, report.already, report.total) == (5, 0, 7)
    assert report.rejected["not_accepted"] == 1 and report.rejected["empty_file"] == 1
    assert report.rejections is not None
    refused = pd.read_parquet(report.rejections)
    assert set(refused["reason"]) == {"not_accepted", "empty_file"} and (refused["sha256"].str.len() == 64).all()
    rows = log.read(CASE, *EVER)
    assert set(rows["channel"]) == {"infer"} and len(rows) == 5
    assert load_retained(settings.retained, rows["input_sha256"][0]).record.modality == "DX"


def test_a_study_counts_under_the_given_day_else_its_own_else_today(folder, served, log, settings) -> None:
    (folder / "undated.dcm").write_bytes(dicom(9, StudyDate=""))
    score_folder(folder, served, log, settings)
    own = log.read(CASE, *EVER)["received_on"].value_counts().to_dict()
    assert own == {date(2026, 1, 5): 5, datetime.now(UTC).date(): 1}
    score_folder(folder, served, log, settings, received_on=date(2025, 3, 1))
    assert len(log.read(CASE, date(2025, 3, 1), date(2025, 3, 1))) == 6


def test_the_same_folder_again_adds_no_second_prediction(folder, served, log, settings, monkeypatch) -> None:
    monkeypatch.setattr(infer, "BATCH", 2)
    score_folder(folder, served, log, settings)
    log.seal()
    again = score_folder(folder, served, PredictionLog(settings.log), settings)
    assert (again.scored, again.already) == (0, 5)
    assert len(log.read(CASE, *EVER)) == 5
    assert len(list((settings.log / CASE / "rejected").iterdir())) == 1


def test_another_bundle_is_another_question(folder, served, log, settings, tmp_path) -> None:
    score_folder(folder, served, log, settings)
    other = Served(CASE, "2", make_bundle(tmp_path / "other", offset=1.0))
    assert score_folder(folder, other, log, settings).scored == 5
    assert len(log.read(CASE, *EVER)) == 10


def test_what_was_journalled_before_the_disk_filled_is_not_asked_again(
    folder, served, log, settings, monkeypatch
) -> None:
    monkeypatch.setattr(infer, "BATCH", 2)
    append, calls = PredictionLog.append, []

    def fills_up(self, predictions) -> None:
        calls.append(len(predictions))
        if len(calls) == 2:
            raise ServiceUnavailable("the prediction log cannot be written: No space left on device")
        append(self, predictions)

    monkeypatch.setattr(PredictionLog, "append", fills_up)
    with pytest.raises(ServiceUnavailable):
        score_folder(folder, served, log, settings)
    again = score_folder(folder, served, log, settings)
    assert (again.already, again.scored) == (2, 3)
    assert len(log.read(CASE, *EVER)) == 5


def test_inputs_are_kept_only_if_the_knob_says_so(folder, served, log, settings) -> None:
    forgetful = type(settings)(home=settings.home, keep_inputs=False)
    score_folder(folder, served, log, forgetful)
    assert not settings.retained.exists()


def test_an_empty_folder_is_an_error(tmp_path, served, log, settings) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError):
        score_folder(tmp_path / "empty", served, log, settings)
