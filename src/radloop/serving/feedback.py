"""What production has taught: labelled studies go back to the catalog, and so into the next snapshot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from radloop.catalog import read_catalog, read_quarantine
from radloop.errors import ConfigurationError, GateClosed
from radloop.params import Retrain, UseCase
from radloop.predictions import PredictionLog, new_labelled
from radloop.records import Stored, schema_of


def labelled_news(log: PredictionLog, case: UseCase, snapshot: Path) -> pd.DataFrame:
    """The labelled production studies whose findings the snapshot does not know yet."""
    return _beyond(_catalog(snapshot), log, case)


def unlearnt(log: PredictionLog, case: UseCase, snapshot: Path, learnt: datetime | None) -> int:
    """How many labelled production studies no model has learnt from, admitted already or not.

    `learnt` is when the last training ended in a candidate (None: never); what was admitted later is still to be
    learnt, so that a retrain that failed can be repeated. What the catalog refused will never be, and does not count.
    """
    catalog, refused = _catalog(snapshot), set(read_quarantine(snapshot)["sha256"])
    taught = catalog.iloc[:0] if learnt is None else catalog[catalog["admitted_at"] <= learnt]
    left = _beyond(taught, log, case)["input_sha256"]
    return int((~left.isin(refused - set(catalog["sha256"]))).sum())


def _catalog(snapshot: Path) -> pd.DataFrame:
    try:
        return read_catalog(snapshot)
    except ConfigurationError:  # no snapshot yet, so everything is news
        empty: pd.DataFrame = schema_of(Stored).empty_table().to_pandas()
        return empty


def _beyond(known: pd.DataFrame, log: PredictionLog, case: UseCase) -> pd.DataFrame:
    findings = dict(zip(known["sha256"], known["findings"], strict=True))
    return new_labelled(log, case.name, case.task.finding, findings)


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
