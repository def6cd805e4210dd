"""The log itself: append, seal, read, label. Readers see sealed segments and open journals as one table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from radloop.predictions.journal import Journal
from radloop.predictions.labels import LabelReport, latest_labels, store_labels
from radloop.predictions.segments import (
    SCHEMA,
    Segment,
    connect,
    journalled,
    known_segments,
    open_journals,
    seal_journal,
    segment_files,
    verify_segments,
)
from radloop.records import Label, Prediction

EVER = (date(1, 1, 1), date(9999, 12, 31))


class PredictionLog:
    """Predictions and labels below one folder, one sub-folder per use case.

    Many processes and threads may append at once, each to its own journal. Ids count once, whatever
    crashed between a journal and its segment.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._journals: dict[str, Journal] = {}

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Journal `predictions`; when this returns they survive a power cut.

        Raises ServiceUnavailable when they cannot be written, and then nobody may be answered.
        """
        by_use_case: dict[str, list[Prediction]] = defaultdict(list)
        for prediction in predictions:
            by_use_case[prediction.use_case].append(prediction)
        for use_case, rows in by_use_case.items():
            self._journals.setdefault(use_case, Journal(self.folder / use_case / "journal")).append(rows)

    def close(self) -> None:
        """Give up this process's journals, so that whoever seals next may seal them."""
        for journal in self._journals.values():
            journal.close()

    def seal(self, record: Callable[[Segment], object] = lambda segment: None) -> list[Segment]:
        """Turn every journal without a living writer, and this process's own, into immutable segments.

        `record` is told of each segment before its journal goes (the ledger listens there).
        """
        self.close()
        return [
            segment
            for use_case in self.use_cases()
            for path in open_journals(self.folder / use_case)
            for segment in seal_journal(path, self.folder / use_case, record)
        ]

    def use_cases(self) -> list[str]:
        """Names of all use cases that were ever asked about."""
        return sorted(path.name for path in self.folder.glob("*/") if (path / "journal").is_dir())

    def read(
        self,
        use_case: str,
        start: date,
        end: date,
        model_version: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Production predictions received in [start, end], in order of time, each id once.

        The columns are those of Prediction, or the named ones. Answers to a smoke set are left out.
        """
        where = "received_on BETWEEN $start AND $end AND channel <> 'smoke'"
        bounds: dict[str, Any] = {"start": start, "end": end}
        if model_version is not None:
            where += " AND model_version = $model_version"
            bounds["model_version"] = model_version
        with self._rows(use_case, start, end) as connection:
            frame: pd.DataFrame = _select(connection, columns or SCHEMA.names, where, bounds).to_pandas()
        return frame

    def read_labelled(
        self, use_case: str, start: date, end: date, finding: str, model_version: str | None = None
    ) -> pd.DataFrame:
        """`read` with the latest label of each prediction beside it.

        Adds `label_findings` (list or None), `labelled_at`, and `label`: True or False, None where unlabelled.
        """
        frame = self.read(use_case, start, end, model_version)
        labels = latest_labels(self.folder / use_case)
        frame = frame.merge(labels.rename(columns={"findings": "label_findings"}), on="prediction_id", how="left")
        found = [None if kept is None else finding in kept for kept in _lists(frame["label_findings"])]
        return frame.assign(label_findings=_lists(frame["label_findings"]), label=pd.Series(found, dtype=object))

    def ids(self, use_case: str, bundle: str) -> set[str]:
        """Ids of every answer that one bundle gave, so that a repeated run can skip them."""
        with self._rows(use_case, *EVER) as connection:
            chosen = _select(connection, ["prediction_id"], "bundle = $bundle", {"bundle": bundle})
        return set(chosen["prediction_id"].to_pylist())

    def find(self, prediction_ids: Iterable[str]) -> pd.DataFrame:
        """The predictions of these ids in any use case, for audits and labels."""
        wanted = list(prediction_ids)
        frames = []
        for use_case in self.use_cases():
            with self._rows(use_case, *EVER) as connection:
                chosen = _select(connection, SCHEMA.names, "prediction_id IN (SELECT unnest($ids))", {"ids": wanted})
            frames.append(chosen)
        found: pd.DataFrame = pa.concat_tables(frames or [SCHEMA.empty_table()]).to_pandas()
        return found

    def add_labels(self, labels: Sequence[Label]) -> LabelReport:
        """Append labels; a later one for the same prediction corrects the earlier, an equal one is no news.

        Labels of predictions that nobody made are kept aside and counted.
        """
        found = self.find({label.prediction_id for label in labels})
        homes = dict(zip(found["prediction_id"], found["use_case"], strict=True))
        return store_labels(self.folder, labels, homes)

    def verify(self, known: Iterable[Segment] | None = None) -> list[str]:
        """Every sign that a sealed segment was changed, lost or slipped in, as sentences; empty when sound.

        `known` is what the ledger recorded; without it the notes beside the segments are believed.
        """
        recorded = None if known is None else list(known)
        problems = []
        for use_case in self.use_cases():
            base = self.folder / use_case
            own = known_segments(base) if recorded is None else [s for s in recorded if s.use_case == use_case]
            problems += verify_segments(base, own)
        return problems

    @contextmanager
    def _rows(self, use_case: str, start: date, end: date) -> Any:
        """A connection with the view `rows`: journals and segments of the days in [start, end]."""
        base, connection = self.folder / use_case, connect()
        journals = _read_journals(base, connection)
        files = segment_files(base, start, end)  # after the journals: what was sealed meanwhile is then seen twice
        connection.register("journals", journals)
        sealed = f"SELECT * FROM read_parquet({files!r}, union_by_name = true) UNION ALL BY NAME " if files else ""
        connection.execute(f"CREATE VIEW rows AS {sealed}SELECT * FROM journals")
        try:
            yield connection
        finally:
            connection.close()


def _read_journals(base: Path, connection: Any) -> pa.Table:
    import duckdb  # see connect

    for _ in range(20):
        try:
            return journalled(open_journals(base), connection)[0]
        except (FileNotFoundError, duckdb.IOException):  # sealed and removed since it was listed
            continue
    return journalled(open_journals(base), connection)[0]


def _select(connection: Any, columns: Sequence[str], where: str, values: dict[str, Any]) -> pa.Table:
    """Chosen columns of the view `rows`, each id once; the costly way only where an id really repeats."""
    names = ", ".join(f'"{name}"' for name in columns)
    counted = f"SELECT count(*) = count(DISTINCT prediction_id) FROM rows WHERE {where}"
    once = (
        ""
        if connection.execute(counted, values).fetchall()[0][0]
        else ("QUALIFY row_number() OVER (PARTITION BY prediction_id ORDER BY predicted_at) = 1")
    )
    query = f"SELECT {names} FROM rows WHERE {where} {once} ORDER BY predicted_at, prediction_id"
    table = connection.sql(query, params=values).to_arrow_table()
    return table.cast(pa.schema([SCHEMA.field(name) for name in columns]))


def _lists(values: pd.Series[Any]) -> pd.Series[Any]:
    kept = [list(value) if isinstance(value, Iterable) else None for value in values]
    return pd.Series(kept, index=values.index, dtype=object)
