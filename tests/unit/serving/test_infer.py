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
from radloop.serving.infer import arrivals, score_folder, score_source
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


def test_a_drop_folder_that_grows_is_scored_again_and_again_and_each_study_once(served, log, settings) -> None:
    told, drop = [], settings.drop_folder
    nights = [[], ["a.dcm", "b.dcm"], ["monday/c.dcm"], []]
    for seed, names in enumerate(nights):
        for number, name in enumerate(names):
            (drop / name).parent.mkdir(exist_ok=True)
            (drop / name).write_bytes(dicom(10 * seed + number))
        report = score_source(arrivals(settings, "dicom_folder"), served, log, settings)
        told.append((report.scored, report.already, report.rejected.total()))
        log.seal()
    assert told == [(0, 0, 0), (2, 0, 0), (1, 2, 0), (0, 3, 0)]
    rows = log.read(CASE, *EVER)
    assert len(rows) == rows["input_sha256"].nunique() == 3


def test_the_same_bytes_under_another_name_are_no_second_study(served, log, settings) -> None:
    settings.drop_folder.mkdir(parents=True)
    for name in ("a.dcm", "sent again.dcm"):
        (settings.drop_folder / name).write_bytes(dicom(1))
    report = score_source(arrivals(settings, "dicom_folder"), served, log, settings)
    assert (report.scored, report.already) == (1, 1)


def test_a_file_that_is_still_being_written_waits_for_its_name(served, log, settings) -> None:
    (settings.drop_folder / ".incoming").mkdir(parents=True)
    for hidden in (".a.dcm.part", ".incoming/b.dcm"):
        (settings.drop_folder / hidden).write_bytes(dicom(1)[:500])
    assert len(arrivals(settings, "dicom_folder")) == 0
    (settings.drop_folder / ".a.dcm.part").rename(settings.drop_folder / "a.dcm")
    (settings.drop_folder / "a.dcm").write_bytes(dicom(1))
    report = score_source(arrivals(settings, "dicom_folder"), served, log, settings)
    assert (report.scored, report.total) == (1, 1)


def test_the_drop_folder_may_lie_elsewhere_and_a_folder_named_by_hand_must_hold_something(settings, tmp_path) -> None:
    elsewhere = settings.model_copy(update={"drop": tmp_path / "pacs"})
    assert len(arrivals(elsewhere, "dicom_folder")) == 0 and (tmp_path / "pacs").is_dir()
    with pytest.raises(ConfigurationError, match="holds no file"):
        arrivals(settings, "dicom_folder", tmp_path / "pacs")


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
