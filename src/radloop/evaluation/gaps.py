"""How far each subgroup lies from the rest, judged with the number of looks in mind."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from radloop.evaluation.names import GAP_MEASURES
from radloop.evaluation.subgroups import Group, groups
from radloop.intervals import Floats, Interval, proportion_difference
from radloop.params import Classification

GAP_COLUMNS = ("attribute", "group", "measure", "n", "patients", "gap", "low", "high", "p_value", "note", "p_adjusted")


def gaps(frame: pd.DataFrame, case: Classification) -> pd.DataFrame:
    """Sensitivity and specificity of every group minus those of the rest, with interval and p-values.

    `frame` as for `subgroups.subgroups`. Returns one row per attribute, group and measure with GAP_COLUMNS;
    `p_adjusted` is Holm's over all of them, because the largest of many gaps is large by chance alone.
    """
    labelled = frame[frame["label"].notna()]
    patients = pd.factorize(labelled["patient_id"])[0]
    rows = [
        _row(group, measure, _gap(labelled, patients, group, measure, case))
        for group in groups(labelled, case.evaluate)
        for measure in GAP_MEASURES
        if (group.among & ~group.inside).any()
    ]
    table = pd.DataFrame(rows, columns=list(GAP_COLUMNS[:-1]))
    table["p_adjusted"] = holm(table["p_value"].to_numpy(dtype=float))
    return table


def largest_gaps(table: pd.DataFrame) -> dict[str, pd.Series]:
    """For each measure the row of `gaps` that lies furthest from the rest; a measure without any is absent."""
    known = table[table["gap"].notna()]
    order = known["gap"].astype(float).abs().sort_values(ascending=False, kind="stable").index
    widest = known.reindex(order).drop_duplicates("measure")
    return {str(row["measure"]): row for _, row in widest.sort_values("measure").iterrows()}


def holm(p_values: Floats) -> Floats:
    """Holm's adjusted p-values; NaN stays NaN and does not count as a look. Source: Holm 1979."""
    adjusted = np.full(p_values.shape, np.nan)
    looked = np.flatnonzero(~np.isnan(p_values))
    order = looked[np.argsort(p_values[looked])]
    steps = p_values[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _gap(
    frame: pd.DataFrame, patients: npt.NDArray[np.intp], group: Group, measure: str, case: Classification
) -> Interval:
    diseased = frame["label"].to_numpy().astype(bool)
    decision = frame["decision"].to_numpy().astype(bool)
    among, right = (diseased, decision) if measure == "sensitivity" else (~diseased, ~decision)
    about = among & group.among
    section = case.evaluate
    return proportion_difference(
        right[about], group.inside[about], patients[about], section.confidence, section.smallest_group
    )


def _row(group: Group, measure: str, found: Interval) -> dict[str, object]:
    return {
        "attribute": group.attribute, "group": group.name, "measure": measure, "n": found.n,
        "patients": found.clusters, "gap": found.value, "low": found.low, "high": found.high,
        "p_value": found.p_value, "note": found.note,
    }  # fmt: skip
