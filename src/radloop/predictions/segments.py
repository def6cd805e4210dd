"""Sealed segments: immutable Parquet by day, their hashes kept, read together with the open journals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from radloop.files import read_json, sha256, sha256_file, sync_folder, write_bytes, write_json
from radloop.predictions.journal import finished
from radloop.records import Prediction, schema_of

SCHEMA = schema_of(Prediction)
_REQUIRED = tuple(field.name for field in SCHEMA if not field.nullable)
_DUCKDB_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
    pa.list_(pa.float32()): "FLOAT[]",
    pa.list_(pa.string()): "VARCHAR[]",
}
_COLUMNS = ", ".join(f"\"{field.name}\": '{_DUCKDB_TYPES[field.type]}'" for field in SCHEMA)


@dataclass(frozen=True)
class Segment:
    """One immutable file of the log, `path` relative to the log's folder."""

    use_case: str
    path: str
    sha256: str
    rows: int
    received_on: str

    def body(self) -> dict[str, Any]:
        """What the ledger records of it."""
        return asdict(self)


def connect() -> Any:
    """A DuckDB that never reaches for the network and tells time in UTC."""
    import duckdb  # slow to import beside the writer, which does not need it

    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def journalled(paths: Sequence[Path], connection: Any) -> tuple[pa.Table, int]:
    """All whole lines of `paths` as a table of predictions, and how many lines were not whole."""
    filled = [str(path) for path in paths if path.stat().st_size]
    if not filled:
        return SCHEMA.empty_table(), 0
    rows = connection.sql(
        f"SELECT * FROM read_json(?, format = 'newline_delimited', columns = {{{_COLUMNS}}}, ignore_errors = true)",
        params=[filled],
    ).to_arrow_table()
    whole = pc.is_valid(rows["prediction_id"])
    for name in _REQUIRED:
        whole = pc.and_(whole, pc.is_valid(rows[name]))
    kept = rows.filter(whole)
    return kept.cast(SCHEMA), rows.num_rows - kept.num_rows


def seal_journal(path: Path, base: Path, record: Callable[[Segment], object]) -> list[Segment]:
    """Turn one finished journal into segments, tell `record` of each, then remove it.

    A crash at any point leaves the journal, whose second sealing writes the same files again.
    """
    with finished(path) as free:
        if not free:
            return []
        rows, broken = journalled([path], connect())
        if broken:
            _set_aside(path, base / "quarantine", set(rows["prediction_id"].to_pylist()))
        segments = [_write_segment(day, base, path.stem, rows) for day in _days(rows)]
        for segment in segments:
            write_json(base / "segments" / f"{Path(segment.path).parent.name}-{path.stem}.json", segment.body())
            record(segment)
        path.unlink()
        sync_folder(path.parent)
        return segments


def known_segments(base: Path) -> list[Segment]:
    """The segments of one use case that were ever sealed, from the notes beside them."""
    return [Segment(**read_json(path)) for path in sorted((base / "segments").glob("*.json"))]


def verify_segments(base: Path, known: Iterable[Segment]) -> list[str]:
    """Every difference between the files and what was recorded of them, as sentences; empty when sound."""
    expected = {segment.path: segment.sha256 for segment in known}
    found = {str(path.relative_to(base.parent)): path for path in (base / "segments").glob("*/*.parquet")}
    problems = [f"segment {path} is missing" for path in sorted(expected.keys() - found.keys())]
    problems += [f"segment {path} was never recorded" for path in sorted(found.keys() - expected.keys())]
    for path in sorted(expected.keys() & found.keys()):
        if sha256_file(found[path]) != expected[path]:
            problems.append(f"segment {path} has been altered since it was sealed")
    return problems


def segment_files(base: Path, start: date, end: date) -> list[str]:
    """The Parquet files whose day lies in [start, end]."""
    days = [day for day in (base / "segments").glob("*/") if start.isoformat() <= day.name <= end.isoformat()]
    return sorted(str(path) for day in days for path in day.glob("*.parquet"))


def _days(rows: pa.Table) -> list[date]:
    return sorted(pc.unique(rows["received_on"]).to_pylist())


def _write_segment(day: date, base: Path, stem: str, rows: pa.Table) -> Segment:
    chosen = rows.filter(pc.equal(rows["received_on"], pa.scalar(day))).sort_by(
        [("predicted_at", "ascending"), ("prediction_id", "ascending")]
    )
    buffer = BytesIO()
    pq.write_table(chosen, buffer, compression="zstd")
    path = base / "segments" / day.isoformat() / f"{stem}.parquet"
    write_bytes(path, buffer.getvalue())
    return Segment(
        base.name, str(path.relative_to(base.parent)), sha256(buffer.getvalue()), chosen.num_rows, day.isoformat()
    )


def _set_aside(path: Path, quarantine: Path, whole: set[str]) -> None:
    """Keep the lines that are not predictions, for a person to look at."""
    broken = [line for line in path.read_bytes().split(b"\n") if line and _identity(line) not in whole]
    write_bytes(quarantine / f"{path.stem}.torn", b"\n".join(broken) + b"\n")


def _identity(line: bytes) -> str | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return str(row.get("prediction_id")) if isinstance(row, dict) else None


def open_journals(base: Path) -> list[Path]:
    """Journals not yet sealed; those that their writer is just creating are hidden."""
    return sorted(path for path in (base / "journal").glob("*.jsonl") if not path.name.startswith("."))
