"""Films that look like frontal chests to the measures, drawn in memory, and catalog rows that keep every rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from radloop.quality.inversion import frontal_chest
from radloop.records import Stored, table_of


@pytest.fixture(scope="session")
def chest() -> Callable[..., np.ndarray]:
    """Draw one patient's film, uint8 [side, side]: what chests share, with a texture of the patient's own."""
    return _chest


@pytest.fixture(scope="session")
def catalog() -> Callable[..., pd.DataFrame]:
    """A catalog with one row per given dict of changes, as `read_catalog` gives it."""
    return _catalog


def _chest(seed: int, side: int = 256) -> np.ndarray:
    texture = np.random.default_rng(seed).normal(0.0, 0.9, (20, 20)).astype(np.float32)
    shared = Image.fromarray(frontal_chest().astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    own = Image.fromarray(texture).resize((side, side), Image.Resampling.BICUBIC)
    return np.clip(128.0 + 40.0 * (np.asarray(shared) + np.asarray(own)), 0, 255).astype(np.uint8)


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
