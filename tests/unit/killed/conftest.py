"""Admissions in a row, and what a snapshot shows after each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import pytest

import radloop.catalog
import radloop.shards
from radloop.catalog import admit, read_catalog, read_contents, read_quarantine
from radloop.files import sha256
from radloop.records import Arrival, Record, Rejection
from radloop.shards import ShardWriter

SMALL = 10_000  # bytes of a shard, so that one admission writes several, and shares one out again
BUFFER = 1_000  # bytes of a call, so that it writes each by many
Batch = list[Arrival | Rejection]


class Shown(NamedTuple):
    """What a reader sees, whatever the shards and parts are called and whenever they came."""

    rows: tuple[str, ...]
    refused: tuple[str, ...]


@pytest.fixture(scope="session")
def arrival_of() -> Callable[..., Arrival]:
    """Invent an image of some bytes; equal numbers are equal instances."""
    return _arrival


@pytest.fixture(scope="session")
def batches() -> list[Batch]:
    """Three admissions: new images of torn studies, refusals, a conflict, a copy, a correction of findings."""
    return [_batch(first) for first in (0, 100, 200)]


@pytest.fixture(scope="session")
def shown() -> Callable[[Path], Shown]:
    """Read a whole snapshot; each image has to have the bytes that its row tells."""
    return _shown


@pytest.fixture(scope="session")
def small() -> tuple[int, int]:
    """Bytes of a shard and of a call of these tests."""
    return SMALL, BUFFER


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Admissions of this process, and of its children, write several shards by many calls."""
    monkeypatch.setattr(radloop.shards, "BUFFER", BUFFER)
    monkeypatch.setattr(radloop.catalog, "ShardWriter", lambda folder, batch: ShardWriter(folder, batch, SMALL))


@pytest.fixture
def expected(
    batches: list[Batch], tmp_path_factory: pytest.TempPathFactory, small_shards: None
) -> tuple[Sequence[Shown], Path]:
    """What is shown after none, one, two and three admissions that nothing interrupts, and where they lie."""
    folder = tmp_path_factory.mktemp("whole") / "d"
    seen = [_shown(folder)]
    for batch in batches:
        admit(folder, batch)
        seen.append(_shown(folder))
    return seen, folder


def _arrival(number: int, content: bytes | None = None, findings: list[str] | None = None) -> Arrival:
    content = content or b"%d" % number * (500 + number)
    record = Record(
        record_id=f"r-{number}",
        patient_id=f"p-{number // 100}-{number % 2}",
        study_id=f"s-{number // 100}-{number % 4}",
        instance_uid=f"2.25.{number}",
        source="here",
        content_type="image/png",
        sha256=sha256(content),
        pixel_sha256=sha256(content),
        rows=4,
        columns=4,
        bits_stored=8,
        photometric_interpretation="MONOCHROME2",
        findings=findings,
    )
    return Arrival(record, content)


def _batch(first: int) -> Batch:
    images: Batch = [_arrival(first + number) for number in range(12)]
    refused = Rejection("here", sha256(b"%d" % first), "cd" * 32, "truncated", "too short", 3)
    conflict, copy = _arrival(first, b"other bytes"), _arrival(first + 50, b"%d" % first * (500 + first))
    return [*images, refused, conflict, copy, _arrival(first + 1, findings=["Nodule"])]


def _shown(folder: Path) -> Shown:
    refused = read_quarantine(folder)
    names = [field.name for field in fields(Rejection)]
    told = tuple(sorted(str(row) for row in refused[names].to_dict("records")))
    if not list((folder / "catalog").glob("part-*.parquet")):
        return Shown((), told)
    frame = read_catalog(folder)
    for position, content in read_contents(folder, frame):
        assert sha256(content) == frame["sha256"].iloc[position]
    rows = frame[[field.name for field in fields(Record)]].to_dict("records")
    return Shown(tuple(sorted(map(str, rows))), told)
