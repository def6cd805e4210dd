"""From a source to a snapshot: studies that arrive, and production studies whose labels have come in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from radloop.catalog import Admission, admit, has_catalog, read_catalog
from radloop.errors import StudyRejected
from radloop.records import Arrival, Rejection
from radloop.retained import load_retained
from radloop.sections.intake import Select
from radloop.selection import Selection
from radloop.sources import Source

PRODUCTION = "production"


def ingest(
    source: Source, snapshot: Path, progress: Callable[[int], None] | None = None, select: Select | None = None
) -> Admission:
    """Admit what `select` takes of a source, by default all; `progress` is told how many more things have been read.

    What is not taken is counted by reason in `Admission.not_selected`. Raises as `radloop.catalog.admit` does; a
    study that cannot be used is quarantined, not raised.
    """
    selection = Selection(select or Select(), lambda: _series(snapshot))
    admission = admit(snapshot, selection.of(_counted(source, progress) if progress else source))
    return replace(admission, not_selected=dict(sorted(selection.left_out.items())))


def admit_labelled(snapshot: Path, retained: Path, labelled: pd.DataFrame) -> Admission:
    """Admit production studies with the findings that people have told, so that the next model learns from them.

    `labelled` has the columns input_sha256 and label_findings (a list, or None where no label has come yet),
    as `PredictionLog.read_labeled` gives them; of several rows for one input the last counts.
    A study whose input was not kept is quarantined (`not_retained`). Raises as `radloop.catalog.admit` does.
    """
    told = labelled[labelled["label_findings"].notna()].drop_duplicates("input_sha256", keep="last")
    return admit(snapshot, _labelled(retained, told))


def _series(snapshot: Path) -> frozenset[str]:
    """The series whose images a snapshot holds; none where there is no snapshot yet."""
    if not has_catalog(snapshot):
        return frozenset()
    rows = read_catalog(snapshot)
    return frozenset(rows.loc[rows["role"] != "mask", "series_id"].dropna())


def _counted(arrivals: Iterable[Arrival | Rejection], progress: Callable[[int], None]) -> Iterator[Arrival | Rejection]:
    for arrival in arrivals:
        yield arrival
        progress(1)


def _labelled(retained: Path, told: pd.DataFrame) -> Iterator[Arrival | Rejection]:
    pairs = zip(told["input_sha256"], told["label_findings"], strict=True)
    for position, (digest, findings) in enumerate(pairs):
        try:
            arrival = load_retained(retained, digest)
        except StudyRejected as refusal:
            yield Rejection(PRODUCTION, digest, "", refusal.reason, refusal.message, position)
            continue
        yield replace(arrival, record=replace(arrival.record, findings=list(findings)))
