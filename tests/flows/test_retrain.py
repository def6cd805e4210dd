"""The story of retrain, with a real ledger: labels first, one at a time, a pause, and one event once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import flows.retrain as module
from radloop.catalog import read_catalog
from radloop.errors import GateClosed, ServiceUnavailable
from radloop.files import sha256
from radloop.ledger import Ledger
from radloop.predictions import PredictionLog
from radloop.records import Arrival, Label, Prediction, Record
from radloop.retained import retain
from radloop.settings import Settings
from radloop.workspace import Snapshot

CASE = "chest_pneumonia"
ADMIT = module.admit_news.fn
LEARNT = Snapshot(CASE, "abc.dir", "c0", 3)


@pytest.fixture
def told(story: Any, place: Any, candidate: Any, tmp_path: Path) -> Any:
    settings = Settings(home=tmp_path)
    story.plain(module, workspace=lambda: place, load_settings=lambda: settings)
    story.fake(
        module, open_workspace="c0", admit_news="51 admitted", version=LEARNT, show=None, train=candidate,
        deploy=candidate,
    )  # fmt: skip
    return story


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Settings(home=tmp_path).ledger)


def test_a_retrain_learns_from_a_new_snapshot_and_offers_its_candidate(told: Any, ledger: Ledger) -> None:
    module.retrain.fn("chest_pneumonia", "event-1")
    assert told.told == ["open_workspace", "admit_news", "version", "show", "train", "deploy"]
    assert [entry.phase for entry in ledger.entries("retrain")] == ["intent", "done"]
    assert ledger.verify().intact


def test_with_too_few_labels_nothing_is_trained_and_labels_are_asked_for(
    told: Any, place: Any, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    told.plain(module, workspace=lambda: place, load_settings=lambda: place.settings)
    place.snapshot_folder = lambda use_case: place.folder / "data" / use_case
    told.fake(module, open_workspace="c0", admit_news=ADMIT, version=LEARNT, show=None, train=None)
    with pytest.raises(GateClosed, match="needs 50 newly labelled studies and has 0") as refusal:
        module.retrain.fn("chest_pneumonia")
    assert "radloop labels add" in refusal.value.next_step
    assert told.told == ["open_workspace", "admit_news"]
    assert [entry.phase for entry in ledger.entries("retrain")] == ["intent", "failed"]


def test_one_event_starts_a_retrain_at_most_once_even_where_that_one_failed(told: Any, ledger: Ledger) -> None:
    told.fake(module, admit_news=GateClosed("too few labels."))
    with pytest.raises(GateClosed, match="too few"):
        module.retrain.fn("chest_pneumonia", "event-1")
    told.told.clear()
    with pytest.raises(GateClosed, match="event-1 has had its retrain"):
        module.retrain.fn("chest_pneumonia", "event-1")
    assert told.told == ["open_workspace"]


def test_while_one_retrain_is_in_flight_a_second_is_refused(told: Any, tmp_path: Path) -> None:
    with FileLock(tmp_path / "retrain-chest_pneumonia.lock"), pytest.raises(GateClosed, match="in flight"):
        module.retrain.fn("chest_pneumonia")
    assert told.told == ["open_workspace"]


def test_after_a_retrain_the_next_one_waits(told: Any, place: Any) -> None:
    assert place.case("chest_pneumonia").retrain.cooling_off_hours > 0
    module.retrain.fn("chest_pneumonia", "event-1")
    told.told.clear()
    with pytest.raises(GateClosed, match="less than 24 h ago"):
        module.retrain.fn("chest_pneumonia", "event-2")
    assert told.told == ["open_workspace"]


def test_a_refused_retrain_makes_nobody_wait(told: Any) -> None:
    told.fake(module, admit_news=GateClosed("too few labels."))
    with pytest.raises(GateClosed):
        module.retrain.fn("chest_pneumonia", "event-1")
    told.fake(module, admit_news="51 admitted")
    module.retrain.fn("chest_pneumonia", "event-2")
    assert told.told[-1] == "deploy"


def test_a_retrain_whose_process_died_blocks_no_later_one(told: Any, ledger: Ledger) -> None:
    told.fake(module, train=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        module.retrain.fn("chest_pneumonia", "event-1")
    assert ledger.pending("retrain")
    told.fake(module, train=None)
    with pytest.raises(AttributeError):  # the faked training gives no version, so this one fails later
        module.retrain.fn("chest_pneumonia", "event-2")
    assert "abandoned" in {entry.phase for entry in ledger.entries("retrain")}


@pytest.fixture
def production(told: Any, place: Any, params: Any) -> Callable[[int], None]:
    """Real labels, catalog and ledger around a faked training; a call labels one more study. Two are needed."""
    knobs = params.use_case(CASE)
    few = knobs.retrain.model_copy(update={"smallest_new_labels": 2, "cooling_off_hours": 0.0})
    place.classification = lambda use_case: knobs.model_copy(update={"retrain": few})
    place.snapshot_folder = lambda use_case: place.folder / "data" / use_case
    told.fake(module, admit_news=ADMIT)
    return lambda number: label_study(place.settings, number)


def label_study(settings: Settings, number: int) -> None:
    content = f"film {number}".encode()
    digest = sha256(content)
    record = Record(
        f"r{number}", f"p{number}", f"s{number}", f"2.25.{number}", "serve", "image/png", digest, digest, 8, 8, 8,
        "MONOCHROME2",
    )  # fmt: skip
    retain(settings.retained, Arrival(record, content))
    now, log = datetime.now(UTC), PredictionLog(settings.log)
    answer = Prediction(
        f"a{number}", now, date(2026, 1, 1), CASE, "1", "b" * 64, digest, f"r{number}", f"p{number}", f"s{number}",
        0.0, 0.5, 0.4, True, 1.0, "serve",
    )  # fmt: skip
    log.append([answer])
    log.add_labels([Label(f"a{number}", [], now, "reader")])


def trained(ledger: Ledger, then: Any) -> Callable[..., Any]:
    """A training that registers its candidate, as the registry writes it down, and ends as `then` says."""

    def train(*_: Any) -> Any:
        with ledger.intent("alias", {"use_case": CASE, "alias": "candidate", "action": "register", "version": 2}):
            pass
        if isinstance(then, BaseException):
            raise then
        return then

    return train


@pytest.mark.parametrize(
    "failure",
    [ServiceUnavailable("MLflow is away"), GateClosed("split: too few patients."), ValueError("a bug")],
    ids=lambda failure: type(failure).__name__,
)
def test_a_retrain_that_failed_before_a_model_had_learnt_is_repeated_without_new_labels(
    told: Any, ledger: Ledger, place: Any, candidate: Any, production: Callable[[int], None], failure: Exception
) -> None:
    for number in range(2):
        production(number)
    told.fake(module, train=failure)
    with pytest.raises(type(failure)):
        module.retrain.fn(CASE)
    catalog = read_catalog(place.snapshot_folder(CASE))
    assert len(catalog) == 2
    told.fake(module, train=trained(ledger, candidate))
    module.retrain.fn(CASE)
    assert told.told[-1] == "deploy"
    assert len(read_catalog(place.snapshot_folder(CASE))) == 2


@pytest.mark.parametrize("closed", [False, True])
def test_a_retrain_whose_candidate_has_learnt_asks_for_new_labels_whatever_its_gate_said(
    told: Any, ledger: Ledger, candidate: Any, production: Callable[[int], None], closed: bool
) -> None:
    for number in range(2):
        production(number)
    told.fake(module, train=trained(ledger, GateClosed("evaluate: too weak.") if closed else candidate))
    if closed:
        with pytest.raises(GateClosed, match="too weak"):
            module.retrain.fn(CASE)
    else:
        module.retrain.fn(CASE)
    production(2)
    told.told.clear()
    with pytest.raises(GateClosed, match="needs 2 newly labelled studies and has 1"):
        module.retrain.fn(CASE)
    assert told.told == ["open_workspace", "admit_news"]
    production(3)
    told.fake(module, train=trained(ledger, candidate))
    module.retrain.fn(CASE)
    assert told.told[-1] == "deploy"
