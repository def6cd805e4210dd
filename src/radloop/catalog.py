"""The catalog: what has been admitted, append-only, and its only writer.

A snapshot folder holds `catalog/part-<batch>.parquet` (one row per image), `shards/<batch>-<k>.tar` (the bytes)
and `quarantine/part-<batch>.parquet` (what was refused and why). An admission writes its shards first and the
catalog part that names them last: killed in between, it leaves shards that no part names, and those are
swept away by the next one.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from radloop.content import cut
from radloop.errors import ConfigurationError, ServiceUnavailable
from radloop.files import sync_folder, write_bytes
from radloop.records import Arrival, Record, Rejection, Stored, schema_of, table_of
from radloop.shards import ShardWriter

PATIENCE = 600  # seconds to wait for another admission into the same snapshot
#: What tells what is known; whole rows are read only where one is relabelled.
_INDEX = ("instance_uid", "sha256", "findings", "shard", "offset")
SUFFIX = {"application/dicom": ".dcm", "image/png": ".png", "application/nifti": ".nii"}


@dataclass(frozen=True)
class Admission:
    """What became of the arrivals: each is counted once."""

    admitted: int = 0  # new images
    already: int = 0  # known already, with nothing new to say
    quarantined: int = 0  # refused, now listed with their reason
    relabelled: int = 0  # known images whose findings are new or corrected
    not_selected: dict[str, int] = field(default_factory=dict)  # not taken by the rules of ingest.select, by reason


@dataclass
class _Batch:
    """One admission under way."""

    folder: Path
    number: int
    shards: ShardWriter
    known: dict[str, tuple[str, list[str] | None]]  # hash and findings by instance UID
    places: dict[str, tuple[str, int]]  # shard and offset of each content
    refused: set[tuple[str, str, str]]
    records: list[Record] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)  # bytes of each of them
    packed: dict[str, str] = field(default_factory=dict)  # names of what this admission has written, by hash
    findings: dict[str, list[str]] = field(default_factory=dict)  # new or corrected, by instance UID
    rejections: list[Rejection] = field(default_factory=list)
    already: int = 0
    relabelled: int = 0

    @property
    def part(self) -> str:
        return f"part-{self.number:06d}.parquet"

    @property
    def summary(self) -> Admission:
        return Admission(len(self.records), self.already, len(self.rejections), self.relabelled)


def admit(folder: Path, arrivals: Iterable[Arrival | Rejection]) -> Admission:
    """Append what is new to the snapshot in `folder`, all of it or, if the process dies, nothing.

    A known instance with the same content is counted and left alone, so a second admission of one source writes
    no byte; with other content it is quarantined (`instance_uid_conflict`) and the first stays; with other
    findings it is relabelled: a new row points to the same bytes. Two instances with equal content are two rows
    that share their bytes, because which of them is right is for a person to say. What one admission brings of a
    study lies in one shard, in whatever order it comes.
    Raises ConfigurationError where the disk cannot be written, ServiceUnavailable where another admission
    holds the snapshot for more than ten minutes.
    """
    with _alone(folder):
        with _disk(folder):
            index = _read(_parts(folder / "catalog"), list(_INDEX)).to_pydict()
            _sweep(folder, set(index["shard"]))
            batch = _open_batch(folder, index)
        try:
            for position, arrival in enumerate(arrivals):
                _take(batch, arrival, position)
            with _disk(folder):
                places = batch.shards.close()
                batch.places.update({digest: places[name] for digest, name in batch.packed.items()})
                _write_parts(batch)
        except BaseException:
            _withdraw(batch)
            raise
    return batch.summary


def read_catalog(folder: Path) -> pd.DataFrame:
    """All admitted images, one row each with the columns of `Stored`, its latest findings, oldest first.

    `findings` holds lists or None, `acquired_on` dates; missing numbers are NaN.
    Raises ConfigurationError where `folder` holds no catalog.
    """
    parts = _parts(folder / "catalog")
    if not parts:
        raise ConfigurationError(f"{folder} holds no catalog", "ingest some studies first")
    frame: pd.DataFrame = _read(parts).to_pandas()
    lists = [None if found is None else list(found) for found in frame["findings"]]
    frame["findings"] = pd.Series(lists, dtype=object)
    return frame.drop_duplicates("record_id", keep="last").reset_index(drop=True)


def read_findings(folder: Path) -> pd.DataFrame:
    """All that was ever told of each admitted image, oldest first: record_id and findings, a list or None."""
    frame: pd.DataFrame = _read(_parts(folder / "catalog"), ["record_id", "findings"]).to_pandas()
    return frame


def has_catalog(folder: Path) -> bool:
    """Whether anything was admitted to the snapshot in `folder`."""
    return bool(_parts(folder / "catalog"))


def read_quarantine(folder: Path) -> pd.DataFrame:
    """All refused arrivals with the columns of `Rejection`; empty where nothing was refused."""
    tables = [pq.read_table(part, schema=schema_of(Rejection)) for part in _parts(folder / "quarantine")]
    frame: pd.DataFrame = pa.concat_tables([schema_of(Rejection).empty_table(), *tables]).to_pandas()
    return frame


def records_of(frame: pd.DataFrame) -> list[Stored]:
    """Rows of a catalog frame as records, with None where pandas holds NaN."""
    names = [f.name for f in fields(Stored)]
    table = pa.Table.from_pandas(frame[names], schema=schema_of(Stored), preserve_index=False)
    return [Stored(**row) for row in table.to_pylist()]


def read_content(folder: Path, row: Any) -> bytes:
    """The bytes of one admitted image; `row` is a `Stored` or a row of the catalog frame.

    Raises ConfigurationError where its shard is missing or too short.
    """
    with _open_shard(folder, row.shard) as stream:
        return bytes(_read_at(stream, row.shard, int(row.offset), int(row.length)))


def read_contents(folder: Path, frame: pd.DataFrame) -> Iterator[tuple[int, bytes]]:
    """Position in `frame` and bytes of each of its images, in the order of the disk: each shard opens once.

    Raises ConfigurationError where a shard is missing or too short.
    """
    for position, content in map_contents(folder, frame):
        yield position, bytes(content)


def map_contents(folder: Path, frame: pd.DataFrame) -> Iterator[tuple[int, bytes | memoryview]]:
    """As `read_contents`, large objects mapped and not read, for those who look at their frames one by one."""
    places = zip(frame["shard"], frame["offset"], frame["length"], range(len(frame)), strict=True)
    for shard, group in groupby(sorted(places), key=itemgetter(0)):
        with _open_shard(folder, shard) as stream:
            for _, offset, length, position in group:
                yield position, _read_at(stream, shard, offset, length)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock, which lies beside the snapshot so that no version of the data contains it."""
    with _disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.parent / f".{folder.name}.lock")
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            raise ServiceUnavailable(
                f"another admission has held {folder.name} for {PATIENCE} s.", "wait for it to end"
            ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Say of a disk that is full, missing or read-only what a user can do about it."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"cannot write in {folder}: {error.strerror or type(error).__name__}",
            "free space or choose a writable folder; nothing was admitted",
        ) from error


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


def _sweep(folder: Path, named: set[str]) -> None:
    """Remove what a killed admission left: shards that no part has `named`, and unfinished temporary files."""
    for path in (folder / "shards").glob("*"):
        if path.name not in named:
            path.unlink()
    for kind in ("catalog", "quarantine"):
        for path in (folder / kind).glob(".*"):
            path.unlink()


def _open_batch(folder: Path, index: dict[str, list[Any]]) -> _Batch:
    refused = read_quarantine(folder)
    numbers = [int(part.stem.split("-")[1]) for kind in ("catalog", "quarantine") for part in _parts(folder / kind)]
    number = max(numbers, default=-1) + 1
    return _Batch(
        folder=folder,
        number=number,
        shards=ShardWriter(folder / "shards", number),
        known=dict(zip(index["instance_uid"], zip(index["sha256"], index["findings"], strict=True), strict=True)),
        places=dict(zip(index["sha256"], zip(index["shard"], index["offset"], strict=True), strict=True)),
        refused=set(zip(refused["sha256"], refused["name_sha256"], refused["reason"], strict=True)),
    )


def _read(parts: list[Path], columns: list[str] | None = None) -> pa.Table:
    schema = schema_of(Stored)
    wanted = pa.schema([schema.field(name) for name in columns]) if columns else schema
    return pa.concat_tables([wanted.empty_table(), *(pq.read_table(part, schema=wanted) for part in parts)])


def _take(batch: _Batch, arrival: Arrival | Rejection, position: int) -> None:
    if isinstance(arrival, Rejection):
        _refuse(batch, arrival)
        return
    record = arrival.record
    known = batch.known.get(record.instance_uid)
    if known is None:
        _store(batch, arrival)
    elif known[0] == record.sha256:
        _relabel(batch, record, known[1])
    else:
        _refuse(batch, _conflict(record, position))


def _refuse(batch: _Batch, rejection: Rejection) -> None:
    key = (rejection.sha256, rejection.name_sha256, rejection.reason)
    if key in batch.refused:
        batch.already += 1
        return
    batch.refused.add(key)
    batch.rejections.append(rejection)


def _conflict(record: Record, position: int) -> Rejection:
    return Rejection(
        source=record.source,
        sha256=record.sha256,
        name_sha256="",
        reason="instance_uid_conflict",
        message="another image was admitted under this SOP instance UID; the first one stays.",
        position=position,
    )


def _relabel(batch: _Batch, record: Record, findings: list[str] | None) -> None:
    if record.findings is None or record.findings == findings:
        batch.already += 1
        return
    batch.known[record.instance_uid] = (record.sha256, record.findings)
    batch.findings[record.instance_uid] = record.findings
    batch.relabelled += 1


def _store(batch: _Batch, arrival: Arrival) -> None:
    record = arrival.record
    _place(batch, arrival)
    batch.known[record.instance_uid] = (record.sha256, record.findings)
    batch.records.append(record)
    batch.lengths.append(len(arrival.content))


def _place(batch: _Batch, arrival: Arrival) -> None:
    """Write the bytes, unless another instance with the same bytes has put them somewhere."""
    record = arrival.record
    if record.sha256 in batch.places or record.sha256 in batch.packed:
        return
    name = record.sha256 + SUFFIX[record.content_type]
    with _disk(batch.folder):
        batch.shards.add(name, arrival.content, record.study_id)
    batch.packed[record.sha256] = name


def _write_parts(batch: _Batch) -> None:
    """The catalog part last: it is what makes the admission true."""
    if batch.rejections:
        write_bytes(batch.folder / "quarantine" / batch.part, _parquet(table_of(Rejection, batch.rejections)))
    rows = pa.concat_tables([stored := _stored(batch), _relabelled(batch, stored)])
    if len(rows):
        write_bytes(batch.folder / "catalog" / batch.part, _parquet(rows))


def _stored(batch: _Batch) -> pa.Table:
    """The new rows, column by column: a hundred thousand of them as objects would take longer than their bytes."""
    places = [batch.places[record.sha256] for record in batch.records]
    columns: dict[str, list[Any]] = {
        **{f.name: list(map(attrgetter(f.name), batch.records)) for f in fields(Record)},
        "shard": [shard for shard, _ in places],
        "offset": [offset for _, offset in places],
        "length": batch.lengths,
        "batch": [batch.number] * len(places),
        "admitted_at": [datetime.now(UTC)] * len(places),
    }
    return pa.table(columns, schema=schema_of(Stored))


def _relabelled(batch: _Batch, stored: pa.Table) -> pa.Table:
    """The latest rows of relabelled instances once more, with their new findings and the same bytes."""
    if not batch.findings:
        return stored.slice(0, 0)
    rows = pa.concat_tables([_read(_parts(batch.folder / "catalog")), stored])
    latest = {uid: place for place, uid in enumerate(rows["instance_uid"].to_pylist()) if uid in batch.findings}
    taken = rows.take([latest[uid] for uid in batch.findings])
    changed = {
        "findings": list(batch.findings.values()),
        "batch": [batch.number] * len(taken),
        "admitted_at": [datetime.now(UTC)] * len(taken),
    }
    for name, values in changed.items():
        place = taken.schema.get_field_index(name)
        taken = taken.set_column(place, taken.schema.field(name), pa.array(values, taken.schema.field(name).type))
    return taken


def _withdraw(batch: _Batch) -> None:
    """Undo a failed admission, the part first: it may have its name already, and then it names the shards."""
    part = batch.folder / "catalog" / batch.part
    with suppress(OSError):  # what a broken disk keeps, the next admission sweeps away
        if part.exists():
            part.unlink()
            sync_folder(part.parent)
        batch.shards.abandon()


def _parquet(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd")
    return stream.getvalue()


@contextmanager
def _open_shard(folder: Path, shard: str) -> Iterator[io.BufferedReader]:
    try:
        stream = (folder / "shards" / shard).open("rb")
    except OSError as error:
        raise ConfigurationError(
            f"shard {shard} cannot be read: {error.strerror}", "restore the snapshot with dvc checkout"
        ) from error
    with stream:
        yield stream


def _read_at(stream: io.BufferedReader, shard: str, offset: int, length: int) -> bytes | memoryview:
    content = cut(stream, offset, length)
    if len(content) != length:
        raise ConfigurationError(f"shard {shard} is too short", "restore the snapshot with dvc checkout")
    return content
