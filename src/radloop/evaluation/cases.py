"""Which predictions are judged: the labelled ones of a split."""

from __future__ import annotations

import pandas as pd


def labelled(held_out: pd.DataFrame, split: str) -> pd.DataFrame:
    """The labelled rows of one split, ordered by record so that equal inputs give equal files."""
    rows = held_out[(held_out["split"] == split) & held_out["label"].notna()]
    return rows.sort_values("record_id").astype({"label": bool, "decision": bool}).reset_index(drop=True)
