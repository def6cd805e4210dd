"""Whether a step earns its place: the task's own metric with and without it, on the same validation patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from radloop.errors import ConfigurationError
from radloop.intervals import Interval, mean_interval, paired_auroc_difference, structural_components

ABLATION_COLUMNS = (
    "step", "n", "patients", "without", "with", "difference", "low", "high", "kept", "reason",
)  # fmt: skip
#: Columns of a metric per case, where more is better (Dice), and of a classification, judged by AUROC.
PER_CASE, CLASSIFICATION = ("patient_id", "case", "value"), ("patient_id", "case", "label", "score")
BOOTSTRAP = 2000


@dataclass(frozen=True)
class Rule:
    """When a step is kept: its metric is not less, and its paired interval at `level` rules a fall by `margin` out.

    A margin forgives the width of an interval on few patients, never a metric that is less.
    """

    margin: float = 0.02
    level: float = 0.90
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= 1 or not 0.5 <= self.level < 1:
            raise ConfigurationError(
                f"margin {self.margin} or level {self.level} is none.", "choose 0 to 1, and 0.5 to below 1"
            )

    def judge(self, difference: Interval) -> tuple[bool, str]:
        """Whether to keep a step whose metric with it minus without it is `difference`, and why."""
        if difference.value is None or difference.low is None:
            return False, difference.note or "no interval"
        if difference.value < 0:
            return False, "the metric falls"
        if difference.low < -self.margin:
            return False, f"a fall by {self.margin:g} is not ruled out"
        return True, "the metric does not fall"


def ablation_table(without: pd.DataFrame, steps: Mapping[str, pd.DataFrame], rule: Rule | None = None) -> pd.DataFrame:
    """One row per step: the metric without and with it, their paired difference, and whether it is kept.

    Tables of validation cases have the columns `patient_id`, `case` and `value`, a metric of which more is better, or
    `label` and `score`, for AUROC. Rows are paired by `case` whatever their order; patients are the unit. Returns
    ABLATION_COLUMNS, steps in the order given.
    Raises ConfigurationError for no step, other columns, doubled cases, other cases, patients or labels than without
    the step, and values that are no number.
    """
    if not steps:
        raise ConfigurationError("no step to judge.", "give at least one table with a step")
    chosen = rule or Rule()
    base = _checked(without, "without")
    rows = []
    for step, table in steps.items():
        other = _paired(base, _checked(table, step), step)
        before, after, difference = _compared(base, other, chosen)
        kept, reason = chosen.judge(difference)
        rows.append({
            "step": step, "n": len(base), "patients": base["patient_id"].nunique(),
            "without": before, "with": after, "difference": difference.value,
            "low": difference.low, "high": difference.high, "kept": kept, "reason": reason,
        })  # fmt: skip
    return pd.DataFrame(rows, columns=list(ABLATION_COLUMNS))


def ablation_text(table: pd.DataFrame, metric: str, rule: Rule | None = None) -> str:
    """The table in Markdown, for a card or a page: `metric` is its name."""
    level = (rule or Rule()).level
    lines = [
        f"| step | {metric} without | with | difference ({level:.0%} interval) | cases, patients | kept | why |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in table.to_dict("records"):
        known = row["low"] is not None and not pd.isna(row["low"])
        told = f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})" if known else "unknown"
        figures = [f"{row[side]:.3f}" if not pd.isna(row[side]) else "unknown" for side in ("without", "with")]
        kept = "yes" if row["kept"] else "no"
        lines.append(
            f"| {row['step']} | {figures[0]} | {figures[1]} | {told} | {row['n']}, {row['patients']} | {kept} | "
            f"{row['reason']} |"
        )
    return "\n".join(lines) + "\n"


def _checked(table: pd.DataFrame, name: str) -> pd.DataFrame:
    columns = next((kind for kind in (PER_CASE, CLASSIFICATION) if set(kind) <= set(table.columns)), None)
    if columns is None:
        raise ConfigurationError(
            f"the table {name!r} has neither {', '.join(PER_CASE)} nor {', '.join(CLASSIFICATION)}.", "name its columns"
        )
    found = table[list(columns)].sort_values("case", kind="stable").reset_index(drop=True)
    if found.empty or found["case"].duplicated().any():
        raise ConfigurationError(f"the table {name!r} has no case or one twice.", "give one row per validation case")
    if not np.isfinite(found[list(columns[2:])].to_numpy(dtype=float)).all():
        raise ConfigurationError(f"a value of the table {name!r} is no number.", "give each case its metric")
    return found


def _paired(base: pd.DataFrame, other: pd.DataFrame, step: str) -> pd.DataFrame:
    shared = [name for name in base.columns if name not in ("value", "score")]
    if list(base.columns) != list(other.columns) or not base[shared].equals(other[shared]):
        raise ConfigurationError(
            f"the table {step!r} has other cases, patients or labels than the one without the step.",
            "predict the same validation cases with and without it",
        )
    return other


def _compared(base: pd.DataFrame, other: pd.DataFrame, rule: Rule) -> tuple[float | None, float | None, Interval]:
    """The metric of both and the interval of their difference."""
    patients = base["patient_id"]
    if "score" in base.columns:
        label, scores = base["label"].to_numpy(bool), [side["score"].to_numpy(float) for side in (other, base)]
        difference = paired_auroc_difference(label, scores[0], scores[1], patients, rule.level)
        if difference.value is None:
            return None, None, difference
        return _auroc(label, scores[1]), _auroc(label, scores[0]), difference
    before, after = (side["value"].to_numpy(float) for side in (base, other))
    if patients.nunique() < 2:
        unknown = Interval(None, None, None, len(base), 0, "patient bootstrap", 1, rule.level, "too few patients")
        return float(before.mean()), float(after.mean()), unknown
    found = mean_interval(after - before, patients, rule.level, BOOTSTRAP, rule.seed)
    return float(before.mean()), float(after.mean()), found


def _auroc(label: np.ndarray, score: np.ndarray) -> float:
    return float(structural_components(label, score)[0].mean())
