"""Catalog rows that keep every rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest

from radloop.records import Stored, table_of


@pytest.fixture(scope="session")
def catalog() -> Callable[..., pd.DataFrame]:
    """A catalog with one row per given dict of changes, as `read_catalog` gives it."""
    return _catalog


def _catalog(*changes: dict[str, Any]) -> pd.DataFrame:
    rows = []
    for position, change in enumerate(changes):
        facts: dict[str, Any] = {
            "record_id": f"r-{position}", "patient_id": f"p-{position}", "study_id": f"s-{position}",
            "instance_uid": f"2.25.{position}", "source": "test", "content_type": "image/png",
            "sha256": f"{position:064x}", "pixel_sha256": f"{position:064x}", "rows": 256, "columns": 256,
            "bits_stored": 8, "photometric_interpretation": "MONOCHROME2", "sex": "F", "age": 50.0, "view": "PA",
            "findings": ["Pneumonia"] if position % 2 else [], "shard": "000000-000.tar", "offset": position,
            "acquired_on": date(2026, 1, 1), "admitted_at": datetime(2026, 2, 1, tzinfo=UTC),
        }  # fmt: skip
        rows.append(Stored(**{**facts, **change}))
    frame: pd.DataFrame = table_of(Stored, rows).to_pandas()
    frame["findings"] = [None if found is None else list(found) for found in frame["findings"]]
    return frame
