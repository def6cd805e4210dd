"""What production has taught: labelled studies go back to the catalog, and so into the next snapshot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from radloop.catalog import read_catalog
from radloop.errors import ConfigurationError, GateClosed
from radloop.params import Retrain, UseCase
from radloop.predictions import PredictionLog, new_labelled


def labelled_news(log: PredictionLog, case: UseCase, snapshot: Path) -> pd.DataFrame:
    """The labelled production studies whose findings the snapshot does not know yet."""
    try:
        catalog = read_catalog(snapshot)
    except ConfigurationError:  # no snapshot yet, so everything is news
        return new_labelled(log, case.name, case.task.finding, {})
    known = dict(zip(catalog["sha256"], catalog["findings"], strict=True))
    return new_labelled(log, case.name, case.task.finding, known)


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
