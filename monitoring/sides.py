"""One side of a comparison, prepared once for every detector and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from monitoring.columns import CATEGORIES, GRIDS, embeddings, tidy
from radloop.sketches import Counts, Sketch, summarise


@dataclass(frozen=True)
class Side:
    """Tidy rows, their embeddings [n, d], their sketch, and how every day was decided."""

    rows: pd.DataFrame
    embeddings: np.ndarray
    sketch: Sketch
    days: Mapping[str, Counts]

    @property
    def n(self) -> int:
        """Images."""
        return len(self.rows)

    @property
    def patients(self) -> int:
        """Patients."""
        return int(self.rows["patient"].nunique())

    @property
    def labelled(self) -> int:
        """Images whose truth is known."""
        return int(self.rows["label"].notna().sum())

    @property
    def judged(self) -> pd.DataFrame:
        """Rows as evaluation takes them: bool `label` (None where unknown) and `decision`, numbered patients."""
        truth = self.rows["label"].map({"yes": True, "no": False}).astype(object)
        return self.rows.assign(
            label=truth.where(truth.notna(), None),
            decision=self.rows["decision"] == "yes",
            patient_id=self.rows["patient"],
        )


def side_of(frame: pd.DataFrame) -> Side:
    """Prepare a table of predictions (with `label`, null where unknown) for comparison."""
    rows = tidy(frame)
    decided = rows["decision"].groupby(rows["day"], sort=True)
    days = {str(day): Counts.of(decisions) for day, decisions in decided}
    return Side(rows, embeddings(frame), summarise(rows, GRIDS, CATEGORIES), days)
