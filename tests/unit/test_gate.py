"""Gates: named checks that must all hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.errors import GateClosed
from radloop.gate import Check, Gate, read_gate, require, write_gate

GOOD, BAD = Check("rows", True, 120, "at least 100"), Check("prevalence", False, 0.9, "0.02 to 0.7")


def test_a_gate_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    gate = Gate("validate", "chest_pneumonia", (GOOD, BAD))
    write_gate(tmp_path / "gate.json", gate)
    assert read_gate(tmp_path / "gate.json") == gate
    assert gate.failed == (BAD,)


def test_an_open_gate_lets_pass(tmp_path: Path) -> None:
    write_gate(tmp_path / "gate.json", Gate("validate", "chest_pneumonia", (GOOD,)))
    assert require(tmp_path / "gate.json").open


def test_a_closed_gate_names_each_failed_check_what_was_seen_and_the_rule(tmp_path: Path) -> None:
    write_gate(tmp_path / "gate.json", Gate("validate", "chest_pneumonia", (GOOD, BAD)))
    with pytest.raises(GateClosed, match=r"prevalence: saw 0\.9, rule 0\.02 to 0\.7") as refusal:
        require(tmp_path / "gate.json")
    assert "rows" not in refusal.value.message and refusal.value.next_step


def test_a_gate_without_any_check_is_closed(tmp_path: Path) -> None:
    write_gate(tmp_path / "gate.json", Gate("validate", "chest_pneumonia", ()))
    with pytest.raises(GateClosed, match="no check was made"):
        require(tmp_path / "gate.json")


def test_a_gate_that_says_open_in_its_file_is_judged_by_its_checks(tmp_path: Path) -> None:
    path = tmp_path / "gate.json"
    write_gate(path, Gate("validate", "chest_pneumonia", (BAD,)))
    path.write_text(path.read_text().replace('"open": false', '"open": true'))
    with pytest.raises(GateClosed):
        require(path)
