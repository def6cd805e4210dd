"""Late labels find their predictions; those without one are kept aside."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from radloop.errors import ConfigurationError, GateClosed
from radloop.params import UseCase
from radloop.predictions import PredictionLog, enough_new_labels, new_labelled, read_label_file
from radloop.records import Label

CASE = "chest_pneumonia"
JANUARY = (date(2026, 1, 1), date(2026, 1, 31))
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def _label(number: int, *findings: str, hours: float = 0) -> Label:
    return Label(f"p{number:06d}", list(findings), NOON + timedelta(hours=hours), "reader")


@pytest.fixture
def log(tmp_path: Path, prediction) -> PredictionLog:
    log = PredictionLog(tmp_path)
    log.append([prediction(i) for i in range(4)])
    return log


def test_labels_join_their_predictions_and_the_others_stay_unlabelled(log: PredictionLog) -> None:
    report = log.add_labels([_label(0, "Pneumonia", "Effusion"), _label(1)])
    assert (report.added, report.already, report.unknown) == (2, 0, ())
    frame = log.read_labelled(CASE, *JANUARY, finding="Pneumonia").set_index("prediction_id")
    assert frame["label"].tolist() == [True, False, None, None]
    assert frame["label_findings"].tolist() == [["Pneumonia", "Effusion"], [], None, None]


def test_a_later_label_corrects_an_earlier_one_whatever_the_order_of_arrival(log: PredictionLog) -> None:
    log.add_labels([_label(0, hours=2), _label(1, "Pneumonia")])
    log.add_labels([_label(0, "Pneumonia", hours=1), _label(1, hours=1)])
    frame = log.read_labelled(CASE, *JANUARY, finding="Pneumonia")
    assert frame["label"].tolist()[:2] == [False, False]


def test_the_same_labels_again_are_no_news(log: PredictionLog) -> None:
    labels = [_label(0, "Pneumonia"), _label(1)]
    log.add_labels(labels)
    report = log.add_labels([*labels, _label(2), _label(2)])
    assert (report.added, report.already) == (1, 2)


def test_labels_of_unknown_predictions_are_counted_and_kept_aside(log: PredictionLog, tmp_path: Path) -> None:
    report = log.add_labels([_label(0), _label(77, "Pneumonia")])
    assert report.added == 1 and report.unknown == ("p000077",)
    (aside,) = (tmp_path / "unknown_labels").iterdir()
    assert pd.read_parquet(aside)["prediction_id"].tolist() == ["p000077"]


def test_labels_survive_the_sealing_of_their_predictions(log: PredictionLog) -> None:
    log.add_labels([_label(3, "Pneumonia")])
    log.seal()
    assert log.read_labelled(CASE, *JANUARY, finding="Pneumonia")["label"].tolist()[3] is True


def test_a_label_file_may_be_csv_or_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "prediction_id,findings,labelled_at,labelled_by\n"
        "p1,Pneumonia|Effusion,2026-01-02T03:04:05+01:00,radiologist\n"
        "p2,,2026-01-02,\n"
        "p3,No Finding,,\n"
    )
    one, two, three = read_label_file(tmp_path / "a.csv")
    assert one == Label("p1", ["Effusion", "Pneumonia"], datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC), "radiologist")
    assert two.findings == [] and two.labelled_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert three.findings == [] and three.labelled_at.tzinfo is not None
    frame = pd.DataFrame({"prediction_id": ["p1"], "findings": [["Pneumonia"]]})
    frame.to_parquet(tmp_path / "a.parquet")
    assert read_label_file(tmp_path / "a.parquet")[0].findings == ["Pneumonia"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prediction_id,label\np1,1\n", "no column 'findings'"),
        ("prediction_id,findings\n,Pneumonia\n", "row 1: prediction_id is empty"),
        ("prediction_id,findings,labelled_at\np1,,\np2,,yesterday\n", "row 2: labelled_at 'yesterday'"),
        ("", "not a table"),
    ],
)
def test_a_label_file_that_cannot_be_read_says_where_and_why(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        read_label_file(path)


def test_a_missing_label_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no label file labels\.csv"):
        read_label_file(tmp_path / "labels.csv")


def test_a_label_is_new_where_the_catalog_lacks_the_input_or_holds_other_findings(log, prediction) -> None:
    log.append([prediction(9, input_sha256=prediction(0).input_sha256)])
    log.add_labels([_label(0), _label(1), _label(2), _label(3), _label(9, "Pneumonia", hours=1)])
    known = {
        prediction(1).input_sha256: [],
        prediction(2).input_sha256: ["Pneumonia"],
        prediction(3).input_sha256: None,
    }
    fresh = new_labelled(log, CASE, "Pneumonia", known)
    assert set(fresh["prediction_id"]) == {"p000009", "p000002", "p000003"}
    nothing = new_labelled(log, "nobody", "Pneumonia", {})
    assert nothing.empty and list(nothing) == list(fresh)


def test_a_retrain_without_enough_new_labels_asks_for_them(case: UseCase) -> None:
    need = case.retrain.smallest_new_labels
    enough_new_labels(need, CASE, case.retrain)
    with pytest.raises(GateClosed, match="label 1 more"):
        enough_new_labels(need - 1, CASE, case.retrain)
