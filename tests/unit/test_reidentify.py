"""Only with the key and somebody's own list of identifiers, and never without an entry in the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.dicom.pseudonyms import open_pseudonyms
from radloop.errors import ConfigurationError, GateClosed
from radloop.ledger import Ledger
from radloop.reidentify import reidentify
from radloop.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    path = tmp_path / "ids.txt"
    path.write_text("\ufeffMRN-1\n\nMRN-4711 \nMRN-2\nSaint Nowhere\n1.2.3\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(("kind", "raw"), [("patient", "MRN-4711"), ("site", "Saint Nowhere"), ("uid", "1.2.3")])
def test_an_identifier_on_the_list_is_found_by_its_pseudonym(
    settings: Settings, patients: Path, kind: str, raw: str
) -> None:
    pseudonym = getattr(open_pseudonyms(settings), kind)(raw)
    assert reidentify(settings, pseudonym, patients, "Dr A", "incidental finding") == raw


def test_who_asked_and_why_is_in_the_ledger_and_the_identity_is_not(settings: Settings, patients: Path) -> None:
    pseudonym = open_pseudonyms(settings).patient("MRN-4711")
    reidentify(settings, pseudonym, patients, "Dr A", "incidental finding")
    assert reidentify(settings, "p-unknown", patients, "Dr A", "a slip") is None
    ledger = Ledger(settings.ledger)
    entries = ledger.entries("reidentification")
    assert [entry.phase for entry in entries] == ["intent", "done", "intent", "done"]
    assert entries[0].body == {"pseudonym": pseudonym, "who": "Dr A", "why": "incidental finding"}
    assert [entries[1].body["found"], entries[3].body["found"]] == [True, False]
    assert ledger.verify().intact
    assert not any(b"MRN-4711" in path.read_bytes() for path in settings.root.rglob("*") if path.is_file())


def test_a_request_without_a_reason_is_refused_and_tells_nothing(settings: Settings, patients: Path) -> None:
    with pytest.raises(ConfigurationError, match="who asks and why"):
        reidentify(settings, open_pseudonyms(settings).patient("MRN-4711"), patients, "Dr A", " ")
    assert Ledger(settings.ledger).entries() == []


def test_a_list_that_cannot_be_read_is_on_record_as_failed(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        reidentify(settings, "p-1", tmp_path / "absent", "Dr A", "a reason")
    assert [entry.phase for entry in Ledger(settings.ledger).entries("reidentification")] == ["intent", "failed"]


def test_something_else_is_no_pseudonym(settings: Settings, patients: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no pseudonym"):
        reidentify(settings, "MRN-4711", patients, "Dr A", "a reason")


def test_nothing_is_told_where_the_ledger_was_tampered_with(settings: Settings, patients: Path) -> None:
    pseudonym = open_pseudonyms(settings).patient("MRN-4711")
    reidentify(settings, pseudonym, patients, "Dr A", "a reason")
    (segment,) = settings.ledger.glob("*.jsonl")
    segment.write_bytes(segment.read_bytes().replace(b"Dr A", b"Dr B"))
    segment.write_bytes(segment.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(GateClosed):
        reidentify(settings, pseudonym, patients, "Dr A", "a reason")
