"""How well masks agree over held-out cases: per structure and together, with intervals that know patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from radloop.evaluation.names import OVERLAP_MEASURES
from radloop.evaluation.subgroups import groups
from radloop.intervals import Interval, mean_interval
from radloop.params import Intervals
from radloop.segmentation.measures import Agreement

OVERLAP_TITLES = {
    "dice": "Dice", "surface_dice": "Surface Dice", "hausdorff_95_mm": "Hausdorff 95 (mm)",
    "volume_error_ml": "Volume error (ml)",
}  # fmt: skip
#: What the mean over all structures of a case is called beside their names.
ALL = "all"


@dataclass(frozen=True)
class Overlap:
    """Figures by structure (and ALL) and measure, subgroups of Dice, and how often a structure was missed.

    `table`: one row per case and structure: case, patient_id, structure, state and `OVERLAP_MEASURES`.
    """

    table: pd.DataFrame
    measures: dict[str, dict[str, Interval]]
    subgroups: pd.DataFrame
    states: dict[str, dict[str, int]]

    @property
    def dice(self) -> Interval:
        """Mean Dice over structures and cases."""
        return self.measures[ALL]["dice"]


def rows_of(
    case: str, patient: str, agreements: Mapping[int, Agreement], names: Mapping[int, str]
) -> list[dict[str, Any]]:
    """What was measured of one case as rows of `Overlap.table`."""
    return [
        {"case": case, "patient_id": patient, "structure": names[label], **asdict(agreement)}
        for label, agreement in agreements.items()
    ]


def assess_overlap(table: pd.DataFrame, records: pd.DataFrame, section: Intervals) -> Overlap:
    """Summarise rows of `rows_of`; `records` has the record columns of each case (column `case`) for subgroups.

    Means with a patient-clustered bootstrap; a figure that a case does not have (`segmentation.measures` says which)
    is left out of its mean, and `states` count such cases. Fewer than `smallest_group` cases: no figure.
    """
    whole = table.groupby(["case", "patient_id"], as_index=False)[list(OVERLAP_MEASURES)].mean()
    parts = {ALL: whole, **{str(name): rows for name, rows in table.groupby("structure", sort=False)}}
    measures = {
        name: {measure: _mean(rows, measure, section) for measure in OVERLAP_MEASURES} for name, rows in parts.items()
    }
    states = {
        str(name): {str(state): int(count) for state, count in rows["state"].value_counts().items()}
        for name, rows in table.groupby("structure", sort=False)
    }
    return Overlap(table, measures, _subgroups(whole, records, section), states)


def paired_difference(
    one: pd.Series[float], other: pd.Series[float], patients: pd.Series[str], section: Intervals
) -> Interval:
    """Mean of one less other over the same cases, with the interval by which comparisons are decided."""
    frame = pd.DataFrame({"patient_id": patients, "gap": one.to_numpy(float) - other.to_numpy(float)})
    return _mean(frame, "gap", section, section.comparison_confidence)


def _subgroups(whole: pd.DataFrame, records: pd.DataFrame, section: Intervals) -> pd.DataFrame:
    frame = whole.merge(records, on="case", suffixes=("", "_of_record"), validate="one_to_one")
    rows = []
    for group in groups(frame, section):
        inside = frame[group.inside]
        found = _mean(inside, "dice", section)
        rows.append({
            "attribute": group.attribute, "group": group.name, "n": len(inside),
            "patients": int(inside["patient_id"].nunique()), "dice": found.value, "dice_low": found.low,
            "dice_high": found.high, "dice_note": found.note,
        })  # fmt: skip
    columns = ["attribute", "group", "n", "patients", "dice", "dice_low", "dice_high", "dice_note"]
    return pd.DataFrame(rows, columns=columns)


def _mean(rows: pd.DataFrame, column: str, section: Intervals, level: float | None = None) -> Interval:
    known = rows[rows[column].notna()]
    values, patients = known[column].to_numpy(dtype=float), known["patient_id"]
    n, people, level = len(known), int(patients.nunique()), level or section.confidence
    if n < section.smallest_group or people < section.smallest_group:
        return Interval(None, None, None, n, 0, "patient bootstrap", people, level, "too few")
    return mean_interval(values, patients, level, section.bootstrap, section.seed)
