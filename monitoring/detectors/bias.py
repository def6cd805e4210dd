"""Is the model as good for every group? With labels by sensitivity and specificity, without by what it answers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from monitoring.columns import SMALLEST_CELL
from monitoring.findings import Finding, Grade
from monitoring.sides import Side
from radloop.evaluation.gaps import gaps
from radloop.evaluation.subgroups import groups, subgroups
from radloop.intervals import proportion_interval
from radloop.params import Classification


def answers(side: Side, case: Classification) -> pd.DataFrame:
    """Share of positive decisions and mean score of every group, labels or not.

    One row per attribute and group with n, decision_rate, its interval and score_mean; groups of fewer than
    `SMALLEST_CELL` images tell their size as "<10" and nothing else. A difference here is no bias by itself:
    groups may differ in how often they have the finding.
    """
    frame = side.judged
    return pd.DataFrame([_answer(frame, g.attribute, g.name, g.inside) for g in groups(frame, case.evaluate)])


def _answer(frame: pd.DataFrame, attribute: str, name: str, inside: np.ndarray) -> dict[str, object]:
    row: dict[str, object] = {"attribute": attribute, "group": name, "n": int(inside.sum())}
    if inside.sum() < SMALLEST_CELL:
        return {**row, "n": f"<{SMALLEST_CELL}"}
    rate = proportion_interval(frame["decision"].to_numpy()[inside], frame["patient"].to_numpy()[inside])
    mean = round(float(frame["score"].to_numpy()[inside].mean()), 4)
    return {**row, "decision_rate": rate.value, "low": rate.low, "high": rate.high, "score_mean": mean}


def figures(side: Side, case: Classification) -> pd.DataFrame:
    """`evaluation.subgroups` of the labelled images; counts below `SMALLEST_CELL` read "<10"."""
    table = subgroups(side.judged, case).astype(object)
    counts = table[["rows", "n", "positives", "patients"]]
    table[counts.columns] = counts.where(counts.astype(int) >= SMALLEST_CELL, f"<{SMALLEST_CELL}")
    return table.where(table.notna(), None)


def detect_bias(reference: Side, window: Side, case: Classification, rate: float) -> list[Finding]:
    """Groups for which the model is worse than for the rest, beyond chance (Holm, at `rate`) and by the knob.

    A gap that the reference showed already was on the table when the model was accepted: it is told as a note.
    """
    seen, known = (gaps(side.judged, case).to_dict("records") for side in (window, reference))
    before = {_key(row): float(row["gap"]) for row in known if pd.notna(row["gap"])}
    worse = [row for row in seen if pd.notna(row["gap"]) and row["gap"] < 0]
    return [_gap(row, before.get(_key(row)), case, rate) for row in worse]


def _key(row: Mapping[Hashable, Any]) -> tuple[Any, ...]:
    return row["attribute"], row["group"], row["measure"]


def _gap(row: Mapping[Hashable, Any], earlier: float | None, case: Classification, rate: float) -> Finding:
    attribute, group, measure = _key(row)
    gap, p = float(row["gap"]), float(row["p_adjusted"])
    grade: Grade = "same"
    if p <= rate:
        grade = "alarm" if -gap >= case.monitor.bias_gap else "change"
    if grade == "alarm" and earlier is not None and -earlier >= case.monitor.bias_gap:
        grade = "note"
    what = f"{measure} for ‘{group}’ {100 * -gap:.0f} points below the rest"
    if earlier is not None:
        what += f", when judged {100 * earlier:+.0f}"
    return Finding("bias", attribute, "gap", what, round(gap, 4), grade, str(group), round(p, 5))
