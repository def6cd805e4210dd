"""What production has taught: labelled studies go back to the catalog, and so into the next snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from radloop.catalog import Admission, admit, read_catalog
from radloop.errors import ConfigurationError, GateClosed, StudyRejected
from radloop.params import Retrain, UseCase
from radloop.predictions import PredictionLog, new_labelled
from radloop.records import Arrival, Rejection
from radloop.retained import load_retained


def labelled_news(log: PredictionLog, case: UseCase, snapshot: Path) -> pd.DataFrame:
    """The labelled production studies whose findings the snapshot does not know yet."""
    try:
        catalog = read_catalog(snapshot)
    except ConfigurationError:  # no snapshot yet, so everything is news
        return new_labelled(log, case.name, case.task.finding, {})
    known = dict(zip(catalog["sha256"], catalog["findings"], strict=True))
    return new_labelled(log, case.name, case.task.finding, known)


def admit_labelled(news: pd.DataFrame, retained: Path, snapshot: Path) -> Admission:
    """Admit labelled studies from the retained inputs, with what turned out to be true as their findings.

    One whose input was not kept, or is damaged, is quarantined with that reason.
    """
    return admit(snapshot, _arrivals(news, retained))


def cooled_off(last: datetime | None, use_case: str, retrain: Retrain) -> None:
    """Let a retrain pass only some time after the `last` one, so that a flapping alarm does not train all night.

    Raises GateClosed, saying when it may run.
    """
    earliest = None if last is None else last + timedelta(hours=retrain.cooling_off_hours)
    if earliest is not None and datetime.now(UTC) < earliest:
        raise GateClosed(
            f"{use_case} was retrained less than {retrain.cooling_off_hours:g} h ago.",
            f"wait until {earliest:%Y-%m-%d %H:%M} UTC",
        )


def _arrivals(news: pd.DataFrame, retained: Path) -> Iterator[Arrival | Rejection]:
    for position, row in enumerate(news.itertuples(index=False)):
        digest = str(row.input_sha256)
        try:
            arrival = load_retained(retained, digest)
        except StudyRejected as refusal:
            yield Rejection("production", digest, "", refusal.reason, refusal.message, position)
            continue
        findings = sorted(str(name) for name in row.label_findings)  # type: ignore[union-attr]
        yield replace(arrival, record=replace(arrival.record, findings=findings))
