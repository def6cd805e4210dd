"""Is the model as good as when it was judged? Only where labels came, and with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from monitoring.findings import Finding, Grade
from monitoring.sides import Side
from radloop.evaluation.gaps import holm
from radloop.intervals import Interval, auroc_interval, delong, proportion_difference, proportion_interval
from radloop.params import Classification

#: A difference with its two-sided p-value; None where either side has too few cases.
Difference = tuple[float | None, float | None]

TITLES = {"auroc": "AUROC", "sensitivity": "sensitivity", "specificity": "specificity"}


@dataclass(frozen=True)
class Measured:
    """One measure on both sides; `difference` is window minus reference (different cases, so unpaired)."""

    name: str
    reference: Interval
    window: Interval
    difference: float | None
    p: float | None  # two-sided, unadjusted


def enough_labels(side: Side, smallest: int) -> bool:
    """True where both classes have the cases that figures need."""
    counts = side.sketch.categories["label"].counts
    return min(counts.get("yes", 0), counts.get("no", 0)) >= smallest


def measure(reference: Side, window: Side, case: Classification) -> list[Measured]:
    """AUROC, sensitivity and specificity of both sides with intervals clustered by patient, and differences."""
    smallest, level = case.evaluate.smallest_group, case.evaluate.confidence
    a, b = (side.judged.dropna(subset=["label"]) for side in (reference, window))
    pairs = (_auroc(a, level, smallest), _auroc(b, level, smallest))
    found = [Measured("auroc", pairs[0], pairs[1], *_auroc_difference(a, b, pairs))]
    for name, positive in (("sensitivity", True), ("specificity", False)):
        sides = (_share_right(a, positive), _share_right(b, positive))
        known = tuple(proportion_interval(right, patient, level, smallest) for right, patient in sides)
        found.append(Measured(name, known[0], known[1], *_share_difference(sides, level, smallest)))
    return found


def detect_performance(measured: list[Measured], case: Classification, rate: float) -> list[Finding]:
    """Drops that are beyond chance (Holm over the measures, at `rate`) and large enough, and a fall below the floor.

    The floor asks that the whole interval of the AUROC lies below it: credibly bad, not unluckily.
    """
    adjusted = holm(np.array([np.nan if m.p is None else m.p for m in measured]))
    judged = zip(measured, adjusted, strict=True)
    found = [_drop(m, float(p), case, rate) for m, p in judged if m.difference is not None]
    auroc, floor = measured[0].window, case.monitor.performance_floor
    if auroc.high is not None and auroc.high < floor:
        what = f"{auroc.value:.2f}, at most {auroc.high:.2f}, below the floor of {floor:.2f}"
        found.append(Finding("performance", "auroc", "floor", what, round(auroc.high - floor, 4), "alarm"))
    return found


def _drop(m: Measured, p: float, case: Classification, rate: float) -> Finding:
    difference = float(m.difference or 0.0)
    grade: Grade = "same"
    if p <= rate:
        grade = "alarm" if difference <= -case.monitor.smallest_drop else "change"
    what = f"{m.reference.value:.2f} → {m.window.value:.2f} on {m.window.n} labelled images"
    return Finding("performance", m.name, "drop", what, round(difference, 4), grade, p=round(p, 5))


def _auroc(frame: pd.DataFrame, level: float, smallest: int) -> Interval:
    return auroc_interval(frame["label"].astype(bool), frame["score"], frame["patient"], level, smallest)


def _auroc_difference(
    a: pd.DataFrame, b: pd.DataFrame, known: tuple[Interval, Interval]
) -> tuple[float | None, float | None]:
    """Difference on the logit scale's test, told on the plain scale."""
    if not all(interval.known for interval in known):
        return None, None
    value = [float(i.value or 0.0) for i in known]
    if 1.0 in value or 0.0 in value:
        return value[1] - value[0], _separated_p(known)
    z, variance = 0.0, 0.0
    for sign, frame in ((-1.0, a), (1.0, b)):
        auroc, error = delong(frame["label"].astype(bool), frame["score"], frame["patient"])
        slope = auroc * (1 - auroc)
        z += sign * float(np.log(auroc / (1 - auroc)))
        variance += (error / slope) ** 2
    return value[1] - value[0], float(2 * ndtr(-abs(z) / np.sqrt(max(variance, 1e-12))))


def _separated_p(known: tuple[Interval, Interval]) -> float:
    """A conservative p-value where one side ranks perfectly: from the widths of the two intervals."""
    reach = [max(float(i.high or 0) - float(i.value or 0), float(i.value or 0) - float(i.low or 0)) for i in known]
    error = float(np.hypot(reach[0], reach[1])) / float(ndtri((1 + known[0].level) / 2))
    gap = abs(float(known[1].value or 0.0) - float(known[0].value or 0.0))
    return float(2 * ndtr(-gap / max(error, 1e-9)))


def _share_right(frame: pd.DataFrame, positive: bool) -> tuple[np.ndarray, np.ndarray]:
    part = frame[frame["label"].astype(bool) == positive]
    return (part["decision"] == positive).to_numpy(), part["patient"].to_numpy()


def _share_difference(
    sides: tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]], level: float, smallest: int
) -> Difference:
    (right_a, patient_a), (right_b, patient_b) = sides
    first = int(patient_a.max()) + 1 if len(patient_a) else 0
    found = proportion_difference(
        np.concatenate([right_a, right_b]),
        np.repeat([False, True], [len(right_a), len(right_b)]),
        np.concatenate([patient_a, patient_b + first]),
        level,
        smallest,
    )
    return found.value, found.p_value
