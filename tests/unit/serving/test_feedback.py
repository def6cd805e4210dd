"""Labels of production studies come back to the catalog, once, and a retrain waits for enough of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from radloop.catalog import admit, read_catalog, read_content, read_quarantine
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import GateClosed
from radloop.ingest import admit_labelled
from radloop.params import UseCase
from radloop.predictions import PredictionLog
from radloop.records import Label
from radloop.retained import retain
from radloop.serving.feedback import cooled_off, labelled_news, unlearnt
from radloop.serving.reader import Occasion, Served, answer, read_study

from .conftest import CASE, dicom

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path, served: Served) -> PredictionLog:
    """Three live studies, whose inputs are kept but for the last."""
    log = PredictionLog(tmp_path / "log")
    studies = [read_study(dicom(seed), served.bundle, Pseudonyms(b"k" * 32)) for seed in range(3)]
    for study in studies[:2]:
        retain(tmp_path / "retained", study.arrival)
    log.append(answer(studies, served, Occasion("serve")))
    return log


def _label(log: PredictionLog, findings: dict[int, list[str]], hours: float = 0) -> None:
    ids = log.read(CASE, NOON.date().replace(year=2020), NOON.date().replace(year=2100)).sort_values("study_id")
    wanted = [ids["prediction_id"].iloc[row] for row in findings]
    when = NOON + timedelta(hours=hours)
    log.add_labels([Label(i, f, when, "reader") for i, f in zip(wanted, findings.values(), strict=True)])


def test_labelled_studies_are_admitted_with_what_turned_out_to_be_true(log, case: UseCase, tmp_path: Path) -> None:
    snapshot = tmp_path / "data" / CASE
    _label(log, {0: ["Pneumonia"], 1: [], 2: []})
    news = labelled_news(log, case, snapshot)
    admission = admit_labelled(snapshot, tmp_path / "retained", news)
    assert (admission.admitted, admission.quarantined) == (2, 1)
    catalog = read_catalog(snapshot)
    stored = {row.sha256: row for row in catalog.itertuples()}
    assert set(stored) < set(news["input_sha256"])
    assert all(row.view == "PA" for row in stored.values()) and read_content(snapshot, catalog.iloc[0])
    truth = dict(zip(news["input_sha256"], news["label_findings"], strict=True))
    assert all(row.findings == truth[digest] for digest, row in stored.items())
    assert read_quarantine(snapshot)["reason"].tolist() == ["not_retained"]


def test_what_the_catalog_knows_is_no_news_until_it_is_corrected(log, case: UseCase, tmp_path: Path) -> None:
    snapshot = tmp_path / "data" / CASE
    retained = tmp_path / "retained"
    _label(log, {row: [] for row in range(3)})
    admit_labelled(snapshot, retained, labelled_news(log, case, snapshot))
    known = set(read_catalog(snapshot)["sha256"])
    assert not known & set(labelled_news(log, case, snapshot)["input_sha256"])
    _label(log, {row: ["Pneumonia"] for row in range(3)}, hours=1)
    admission = admit_labelled(snapshot, retained, labelled_news(log, case, snapshot))
    assert admission.relabelled == 2
    assert read_catalog(snapshot)["findings"].tolist() == [["Pneumonia"], ["Pneumonia"]]


def test_an_unlabelled_study_of_the_catalog_is_news_once_its_label_comes(
    log, served, case: UseCase, tmp_path: Path
) -> None:
    snapshot = tmp_path / "data" / CASE
    admit(snapshot, [read_study(dicom(0), served.bundle, Pseudonyms(b"k" * 32)).arrival])
    assert labelled_news(log, case, snapshot).empty
    _label(log, {0: [], 1: [], 2: []})
    assert len(labelled_news(log, case, snapshot)) == 3


def test_admitted_studies_are_to_be_learnt_until_a_training_ends(log, case: UseCase, tmp_path: Path) -> None:
    snapshot, before = tmp_path / "data" / CASE, datetime.now(UTC)
    _label(log, {row: [] for row in range(3)})
    assert unlearnt(log, case, snapshot, None) == 3
    admit_labelled(snapshot, tmp_path / "retained", labelled_news(log, case, snapshot))
    assert unlearnt(log, case, snapshot, None) == unlearnt(log, case, snapshot, before) == 2  # the third was refused
    assert unlearnt(log, case, snapshot, datetime.now(UTC)) == 0


def test_a_corrected_study_is_to_be_learnt_again(log, case: UseCase, tmp_path: Path) -> None:
    snapshot, retained = tmp_path / "data" / CASE, tmp_path / "retained"
    _label(log, {row: [] for row in range(3)})
    admit_labelled(snapshot, retained, labelled_news(log, case, snapshot))
    learnt = datetime.now(UTC)
    _label(log, {row: ["Pneumonia"] for row in range(3)}, hours=1)
    assert unlearnt(log, case, snapshot, learnt) == 2
    admit_labelled(snapshot, retained, labelled_news(log, case, snapshot))
    assert unlearnt(log, case, snapshot, learnt) == 2
    assert unlearnt(log, case, snapshot, datetime.now(UTC)) == 0


def test_a_retrain_waits_for_its_cooling_off(case: UseCase) -> None:
    now = datetime.now(UTC)
    cooled_off(None, CASE, case.retrain)
    cooled_off(now - timedelta(hours=case.retrain.cooling_off_hours + 1), CASE, case.retrain)
    with pytest.raises(GateClosed, match="wait until"):
        cooled_off(now - timedelta(hours=1), CASE, case.retrain)
