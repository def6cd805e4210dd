"""The story of retrain, with a real ledger: labels first, one at a time, a pause, and one event once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import flows.retrain as module
from radloop.errors import GateClosed
from radloop.ledger import Ledger
from radloop.settings import Settings
from radloop.workspace import Snapshot

LEARNT = Snapshot("chest_pneumonia", "abc.dir", "c0", 3)


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
    told.fake(module, open_workspace="c0", admit_news=module.admit_news.fn, version=LEARNT, show=None, train=None)
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
