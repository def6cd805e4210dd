"""The history finds every change that is made to it, and survives a kill at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import radloop.ledger as ledger_room
from radloop.errors import ConfigurationError, GateClosed, ServiceUnavailable
from radloop.ledger import Ledger, count_test_uses


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def _written(ledger: Ledger, count: int = 5) -> list[str]:
    for number in range(count):
        ledger.write("note", {"number": number})
    return (ledger.folder / "000000000001.jsonl").read_text().splitlines(keepends=True)


def _rewrite(ledger: Ledger, lines: list[str]) -> None:
    (ledger.folder / "000000000001.jsonl").write_text("".join(lines))


def test_what_was_written_is_read_back_in_order_and_is_intact(ledger: Ledger) -> None:
    _written(ledger, 3)
    ledger.write("other", {"why": "a line\u2028separator, Ünïcode"})
    assert [entry.body["number"] for entry in ledger.entries("note")] == [0, 1, 2]
    verification = Ledger(ledger.folder).verify()
    assert verification.intact and verification.entries == 4 and len(verification.key) == 32


def test_an_empty_history_is_intact(ledger: Ledger) -> None:
    assert ledger.verify().intact
    assert ledger.entries() == [] and ledger.head().startswith("0:")


TAMPERING: dict[str, Callable[[list[str]], list[str]]] = {
    "altered": lambda lines: [*lines[:2], lines[2].replace('"number":2', '"number":9'), *lines[3:]],
    "respaced": lambda lines: [*lines[:2], lines[2].replace('"number":2', '"number": 2'), *lines[3:]],
    "dropped": lambda lines: [*lines[:2], *lines[3:]],
    "first dropped": lambda lines: lines[1:],
    "reordered": lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    "doubled": lambda lines: [*lines[:3], lines[2], *lines[3:]],
    "truncated": lambda lines: lines[:-1],
    "truncated inside a line": lambda lines: [*lines[:-1], lines[-1][:30]],
    "emptied": lambda lines: [],
    "garbage": lambda lines: [*lines[:2], "no json\n", *lines[3:]],
}


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_is_found(ledger: Ledger, name: str) -> None:
    _rewrite(ledger, TAMPERING[name](_written(ledger)))
    assert not ledger.verify().intact


def test_an_entry_rewritten_with_a_right_hash_but_without_the_key_is_found(ledger: Ledger) -> None:
    lines = _written(ledger)
    entry = json.loads(lines[-1])
    entry["body"] = {"number": 99}
    forged = ledger_room.Entry(**entry)
    entry["hash"] = forged.digest
    _rewrite(ledger, [*lines[:-1], ledger_room.Entry(**entry).line + "\n"])
    assert "entry 5 was not signed with this ledger's key" in ledger.verify().problems


def test_a_cut_end_is_found_even_when_the_head_is_cut_too(ledger: Ledger) -> None:
    lines = _written(ledger)
    _rewrite(ledger, lines[:-2])
    (ledger.folder / "head.json").unlink()
    assert not ledger.verify().intact


def test_an_older_head_does_not_hide_what_was_put_back(ledger: Ledger) -> None:
    _written(ledger, 2)
    old = (ledger.folder / "head.json").read_text()
    _written(ledger, 3)
    (ledger.folder / "head.json").write_text(old)
    assert "the end was cut off or put back" in ledger.verify().problems[0]


def test_an_edited_head_is_found(ledger: Ledger) -> None:
    lines = _written(ledger)
    head = json.loads((ledger.folder / "head.json").read_text())
    last = json.loads(lines[3])
    (ledger.folder / "head.json").write_text(json.dumps({**head, "sequence": 4, "hash": last["hash"]}))
    _rewrite(ledger, lines[:-1])
    assert ledger.verify().problems == ("the head was altered",)


def test_an_older_copy_of_everything_is_found_by_a_witness_alone(ledger: Ledger) -> None:
    _written(ledger, 2)
    before = {path: path.read_bytes() for path in ledger.folder.glob("*.json*")}
    _written(ledger, 2)
    seen = ledger.head()
    for path, content in before.items():
        path.write_bytes(content)
    assert ledger.verify().intact
    assert ledger.verify((seen,)).problems == ("entry 4 is not the one that a witness saw",)


@pytest.mark.parametrize("name", ["truncated", "truncated inside a line", "emptied", "garbage at the end"])
def test_nothing_is_appended_to_a_history_that_lost_its_end(ledger: Ledger, name: str) -> None:
    lines = _written(ledger)
    change = TAMPERING.get(name, lambda lines: [*lines[:-1], "no json\n"])
    _rewrite(ledger, change(lines))
    with pytest.raises(GateClosed, match="tampered"):
        ledger.write("note", {})


def test_a_deleted_history_is_not_silently_begun_anew(ledger: Ledger) -> None:
    _written(ledger)
    for path in ledger.folder.glob("*.json*"):
        path.unlink()
    assert not ledger.verify().intact
    with pytest.raises(GateClosed, match="head is missing"):
        ledger.write("note", {})


def test_a_lost_key_is_asked_for_and_no_new_one_is_made(ledger: Ledger) -> None:
    _written(ledger)
    (ledger.keys / "ledger.key").unlink()
    with pytest.raises(ConfigurationError, match=r"ledger\.key is missing"):
        ledger.write("note", {})


def test_the_private_key_is_readable_by_its_owner_alone(ledger: Ledger) -> None:
    _written(ledger, 1)
    assert (ledger.keys / "ledger.key").stat().st_mode & 0o777 == 0o600
    assert (ledger.keys / "ledger.pub").exists()


def test_another_installations_public_key_does_not_verify(ledger: Ledger, tmp_path: Path) -> None:
    _written(ledger)
    other = Ledger(tmp_path / "other" / "ledger")
    other.write("note", {})
    (ledger.keys / "ledger.pub").write_bytes((other.keys / "ledger.pub").read_bytes())
    assert not ledger.verify().intact


def test_half_a_line_left_by_a_kill_is_no_entry_and_no_tampering(ledger: Ledger) -> None:
    lines = _written(ledger, 2)
    _rewrite(ledger, [*lines, '{"body":{"num'])
    assert ledger.verify().intact and len(ledger.entries()) == 2
    assert ledger.write("note", {}).sequence == 3
    assert ledger.verify().intact


def test_a_kill_between_the_line_and_the_head_is_no_tampering(ledger: Ledger) -> None:
    _written(ledger, 2)
    old = (ledger.folder / "head.json").read_text()
    ledger.write("note", {})
    (ledger.folder / "head.json").write_text(old)
    assert ledger.verify().intact
    assert ledger.write("note", {}).sequence == 4


def test_a_history_over_several_segments_is_one_chain(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_room, "SEGMENT", 3)
    for number in range(8):
        ledger.write("note", {"number": number})
    assert len(list(ledger.folder.glob("*.jsonl"))) == 3
    assert ledger.verify().intact
    (ledger.folder / "000000000004.jsonl").unlink()
    assert "some are missing" in ledger.verify().problems[0]


def test_a_line_longer_than_a_block_is_found_at_the_end(ledger: Ledger) -> None:
    ledger.write("note", {"text": "x" * 300_000})
    assert ledger.write("note", {}).sequence == 2 and ledger.verify().intact


def test_writers_in_several_threads_make_one_chain(ledger: Ledger) -> None:
    def write() -> None:
        for number in range(10):
            Ledger(ledger.folder).write("note", {"number": number})

    threads = [threading.Thread(target=write) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert ledger.verify() == ledger_room.Verification(40, (), ledger.verify().key)


def test_an_intent_is_followed_by_its_result(ledger: Ledger) -> None:
    with ledger.intent("alias", {"to": 3}) as result:
        assert [entry.body for entry in ledger.pending()] == [{"to": 3}]
        result["from"] = 2
    assert [(entry.phase, entry.body) for entry in ledger.entries("alias")] == [
        ("intent", {"to": 3}),
        ("done", {"from": 2, "intent": 1}),
    ]
    assert ledger.pending() == []


def test_a_refusal_closes_the_intent_as_failed(ledger: Ledger) -> None:
    with pytest.raises(GateClosed), ledger.intent("alias", {"to": 3}):
        raise GateClosed("not better")
    assert ledger.entries()[-1].phase == "failed" and ledger.entries()[-1].body["why"] == "not better"
    assert ledger.pending() == []


@pytest.mark.parametrize("error", [ServiceUnavailable("gone"), RuntimeError("bug")])
def test_an_intent_whose_end_nobody_knows_stays_pending_until_somebody_looks(ledger: Ledger, error: Exception) -> None:
    with pytest.raises(type(error)), ledger.intent("alias", {"to": 3}):
        raise error
    assert len(ledger.pending("alias")) == 1
    (closing,) = ledger.reconcile("alias", lambda entry: entry.body["to"] == 3)
    assert closing.phase == "done" and closing.body == {"intent": 1, "reconciled": True}
    assert ledger.pending() == [] and ledger.reconcile("alias", lambda entry: True) == []


def test_an_intent_still_being_worked_on_is_not_settled_by_another(ledger: Ledger) -> None:
    with ledger.intent("alias", {"to": 3}):
        assert Ledger(ledger.folder).reconcile("alias", lambda entry: False) == []
    assert [entry.phase for entry in ledger.entries()] == ["intent", "done"]


KILLED = """
import os, signal, sys
from pathlib import Path
from radloop.ledger import Ledger
with Ledger(Path(sys.argv[1])).intent("alias", {"to": 3}):
    if sys.argv[2] == "after":
        Path(sys.argv[1], "moved").write_text("3")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("moment", "phase"), [("before", "abandoned"), ("after", "done")])
def test_a_kill_between_intent_and_result_is_settled_by_looking_at_the_world(
    ledger: Ledger, moment: str, phase: str
) -> None:
    source = str(Path(ledger_room.__file__).parents[2])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(ledger.folder), moment], env={**os.environ, "PYTHONPATH": source}
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(ledger.pending()) == 1
    ledger.reconcile("alias", lambda entry: (ledger.folder / "moved").exists())
    assert [entry.phase for entry in ledger.entries()] == ["intent", phase]
    assert ledger.verify().intact


def test_uses_of_a_test_set_are_counted_by_its_hash(ledger: Ledger) -> None:
    for bundle, test_set in [("a", "x"), ("b", "x"), ("b", "x"), ("c", "y")]:
        ledger.write("evaluation", {"bundle": bundle, "test_set_sha256": test_set})
    ledger.write("note", {"test_set_sha256": "x"})
    assert count_test_uses(ledger, "x") == 2 and count_test_uses(ledger, "z") == 0


def test_an_unusable_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("a file where the folder should be")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Ledger(tmp_path / "ledger").write("note", {})
