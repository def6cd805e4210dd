"""Labels that come late: read from a file, joined to predictions by id, counted for retraining."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from radloop.errors import ConfigurationError, GateClosed
from radloop.files import write_bytes
from radloop.params import Retrain
from radloop.records import Label, schema_of, table_of

if TYPE_CHECKING:
    from radloop.predictions.log import PredictionLog

SCHEMA = schema_of(Label)
_STORED = SCHEMA.append(pa.field("added_at", pa.timestamp("us", tz="UTC"), nullable=False))


@dataclass(frozen=True)
class LabelReport:
    """What became of a batch of labels; `unknown` are ids of no prediction, kept aside."""

    added: int
    already: int
    unknown: tuple[str, ...]


def read_label_file(path: Path) -> list[Label]:
    """Read labels from CSV or Parquet: `prediction_id`, `findings` ('|' between, empty for none).

    Optional: `labelled_at` (ISO 8601; default the file's own time) and `labelled_by` (a role, never a name).
    Raises ConfigurationError naming the line that cannot be read; then nothing of the file is used.
    """
    frame = _read_table(path)
    for column in ("prediction_id", "findings"):
        if column not in frame:
            raise ConfigurationError(
                f"{path.name} has no column {column!r}; it has {', '.join(map(str, frame.columns))}",
                "give it the columns prediction_id and findings",
            )
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    rows = frame.to_dict("records")
    return [_label(row, written, f"{path.name}, row {position}") for position, row in enumerate(rows, start=1)]


def store_labels(folder: Path, labels: Sequence[Label], homes: Mapping[str, str]) -> LabelReport:
    """Append what is new to the label table of its use case; `homes` maps prediction ids to use cases."""
    added = already = 0
    for use_case in sorted(set(homes.values())):
        base = folder / use_case
        mine = [label for label in dict.fromkeys(_hashable(labels)) if homes.get(label.prediction_id) == use_case]
        stored = set(_hashable(all_labels(base)))
        fresh = [label for label in mine if label not in stored]
        _write(base / "labels", fresh)
        added, already = added + len(fresh), already + len(mine) - len(fresh)
    unknown = [label for label in labels if label.prediction_id not in homes]
    _write(folder / "unknown_labels", unknown)
    return LabelReport(added, already, tuple(dict.fromkeys(label.prediction_id for label in unknown)))


def all_labels(base: Path) -> list[Label]:
    """Every label ever added to one use case, corrections included, in order of arrival."""
    table = _stored(base)
    return [Label(**row) for row in table.drop_columns("added_at").to_pylist()]


def latest_labels(base: Path) -> pd.DataFrame:
    """The label that holds of each prediction: prediction_id, findings, labelled_at."""
    ordered = _stored(base).sort_by([("labelled_at", "ascending"), ("added_at", "ascending")])
    frame: pd.DataFrame = ordered.select(["prediction_id", "findings", "labelled_at"]).to_pandas()
    return frame.drop_duplicates("prediction_id", keep="last", ignore_index=True)


def new_labelled(
    log: PredictionLog, use_case: str, finding: str, known: Mapping[str, Collection[str] | None]
) -> pd.DataFrame:
    """Labelled production predictions that tell the catalog something new, one row per input.

    `known` maps the sha256 of the catalog's inputs to their findings; what it lacks, or holds with other findings,
    is new. Columns of `PredictionLog.read_labelled`; of several labelled answers to one input, the latest label.
    """
    frame = log.read_labelled(use_case, date(1, 1, 1), date(9999, 12, 31), finding)
    latest = frame[frame["label"].notna()].sort_values("labelled_at").drop_duplicates("input_sha256", keep="last")
    news = [
        known.get(digest) is None or set(known[digest] or ()) != set(findings)
        for digest, findings in zip(latest["input_sha256"], latest["label_findings"], strict=True)
    ]
    return latest[pd.Series(news, latest.index, dtype=bool)].reset_index(drop=True)


def enough_new_labels(new: int, use_case: str, retrain: Retrain) -> None:
    """Let a retrain pass only where there is something to learn from.

    Raises GateClosed, asking for labels, where fewer than `retrain.smallest_new_labels` are new.
    """
    if new < retrain.smallest_new_labels:
        raise GateClosed(
            f"retraining {use_case} needs {retrain.smallest_new_labels} newly labelled studies and has {new}.",
            f"label {retrain.smallest_new_labels - new} more and add them with `radloop labels add FILE`",
        )


def _read_table(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no label file {path.name}", "check the path") from error
    except (ValueError, OSError) as error:  # pandas' and Arrow's parser errors are ValueErrors
        raise ConfigurationError(f"{path.name} is not a table: {type(error).__name__}", "write it as CSV") from error


def _label(row: Mapping[Any, Any], written: datetime, where: str) -> Label:
    identity = str(row["prediction_id"] or "").strip()
    if not identity:
        raise ConfigurationError(f"{where}: prediction_id is empty", "every label names its prediction")
    findings, when = row["findings"], row.get("labelled_at")
    names = findings.split("|") if isinstance(findings, str) else list(findings if findings is not None else [])
    return Label(
        prediction_id=identity,
        findings=sorted({name.strip() for name in names if name.strip()} - {"No Finding"}),
        labelled_at=_moment(when, where) if when else written,
        labelled_by=str(row.get("labelled_by") or "unknown"),
    )


def _moment(value: Any, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ConfigurationError(
            f"{where}: labelled_at {value!r} is no ISO 8601 time", "write 2026-01-31T12:00Z"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _stored(base: Path) -> pa.Table:
    files = sorted((base / "labels").glob("*.parquet"))
    return pa.concat_tables([pq.read_table(path) for path in files]) if files else _STORED.empty_table()


def _hashable(labels: Sequence[Label]) -> list[Label]:
    return [replace(label, findings=tuple(label.findings)) for label in labels]  # type: ignore[arg-type]


def _write(folder: Path, labels: Sequence[Label]) -> None:
    """One immutable file per batch; its name begins with the time, so that the order of arrival is kept."""
    if not labels:
        return
    table = table_of(Label, list(labels))
    now = datetime.now(UTC)
    stamped = table.append_column(
        _STORED.field("added_at"), pa.array([now] * len(labels), pa.timestamp("us", tz="UTC"))
    )
    buffer = BytesIO()
    pq.write_table(stamped, buffer)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()[:16]
    write_bytes(folder / f"{now:%Y%m%dT%H%M%S%f}-{digest}.parquet", buffer.getvalue())
