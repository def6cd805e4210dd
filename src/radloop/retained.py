"""De-identified inputs of production, kept by hash, so that a prediction can be replayed and learned from."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path

from radloop.errors import StudyRejected
from radloop.files import read_json, sha256, write_bytes, write_json
from radloop.records import Arrival, Record


def retain(folder: Path, arrival: Arrival) -> Path:
    """Keep the bytes at `folder/<2 digits>/<sha256>` with their record beside them, not the true day; once is enough.

    Returns the path of the bytes. Raises ConfigurationError where the disk cannot be written.
    """
    path = _place(folder, arrival.record.sha256)
    sidecar = path.with_name(f"{path.name}.json")
    if not sidecar.exists():
        write_bytes(path, arrival.content)
        facts = asdict(arrival.record)
        facts["acquired_on"] = arrival.record.acquired_on and arrival.record.acquired_on.isoformat()
        write_json(sidecar, facts)  # last, so that a record never stands without its bytes
    return path


def load_retained(folder: Path, digest: str) -> Arrival:
    """What `retain` kept under a hash, verified against it.

    Raises StudyRejected (`not_retained`, `retained_damaged`) where it is absent or no longer what it was.
    """
    path = _place(folder, digest)
    sidecar = path.with_name(f"{path.name}.json")
    if not sidecar.exists():
        raise StudyRejected(
            "not_retained", "the input of this prediction was not kept.", "set RADLOOP_KEEP_INPUTS to keep inputs"
        )
    content = path.read_bytes()
    if sha256(content) != digest:
        raise StudyRejected("retained_damaged", "a kept input no longer has its hash.", "restore it from a backup")
    facts = read_json(sidecar)
    facts["acquired_on"] = facts["acquired_on"] and date.fromisoformat(facts["acquired_on"])
    return Arrival(Record(**facts), content)


def _place(folder: Path, digest: str) -> Path:
    return folder / digest[:2] / digest
