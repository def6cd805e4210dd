"""Which inputs and answers moved: chance is judged by the permutation test, weight by the size of the effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import hypergeom

from monitoring.columns import OTHER, WATCHED, Stream
from monitoring.detectors.features import Feature, Matrix, build, few_patients
from monitoring.detectors.permutation import permutation_test
from monitoring.detectors.wording import said, share_of
from monitoring.findings import Finding, Grade
from monitoring.sides import Side
from radloop.params import Monitor

#: Patients of either side that the tests look at; with so many, any shift worth acting on is found.
LARGEST_SIDE = 4000


#: Streams whose categories can have values that nobody has seen.
INPUTS = ("acquisition", "population")


@dataclass(frozen=True)
class Comparison:
    """What every drift test of one look shares."""

    reference: Side
    window: Side
    knobs: Monitor
    rate: float  # of false alarms, for all drift tests of this look together
    seed: int = 0


def detect_drift(look: Comparison) -> list[Finding]:
    """One finding per test; all tests together alarm in at most a share `rate` of looks at which nothing changed.

    An alarm needs both: p <= rate after adjustment, and an effect of at least the knob of its kind.
    """
    if min(look.reference.n, look.window.n) == 0:
        return []
    matrix = matrix_of(look)
    tested = permutation_test(matrix, look.knobs.permutations, look.seed)
    findings = []
    for at, feature in enumerate(matrix.features):
        if feature.kind != "component":
            effect = _effect(matrix, at, float(tested.difference[at]), look)
            findings.append(_finding(feature, float(tested.p[at]), effect, look))
    return findings + rare_new_values(look, {(f.column, f.value) for f in findings})


def matrix_of(look: Comparison) -> Matrix:
    """The features that are tested, of at most `LARGEST_SIDE` patients of either side."""
    sides = (look.reference, look.window)
    first, second = (few_patients(side.rows, LARGEST_SIDE, look.seed) for side in sides)
    a, b = look.reference.embeddings[first], look.window.embeddings[second]
    if a.shape[1] != b.shape[1]:  # another projection, or a side without any: they cannot be compared
        a, b = a[:, :0], b[:, :0]
    return build(look.reference.rows.iloc[first], look.window.rows.iloc[second], np.vstack([a, b]))


def _effect(matrix: Matrix, at: int, difference: float, look: Comparison) -> float:
    feature = matrix.features[at]
    if feature.kind == "level" and feature.column and feature.value != OTHER:
        return share_of(feature.column, feature.value, look.window) - share_of(
            feature.column, feature.value, look.reference
        )
    if feature.kind == "spread":
        scores = matrix.values[:, at - 1]  # the location of the same column stands before its spread
        return _log_ratio(scores, matrix.reference_rows)
    if feature.kind == "mean_shift":
        return _within(difference, matrix.reference_rows / max(len(matrix.values), 1))
    return difference


def _log_ratio(scores: np.ndarray, rows: int) -> float:
    """Logarithm of the ratio of the standard deviations of normal scores, window against reference."""
    a, b = float(scores[:rows].std()), float(scores[rows:].std())
    return float(np.log(b / a)) if min(a, b) > 0 else 0.0


def _within(length: float, share: float) -> float:
    """Mahalanobis distance of the means by the spread within the sides, from that by the pooled spread."""
    return length / float(np.sqrt(max(1e-3, 1 - share * (1 - share) * length**2)))


def _finding(feature: Feature, p: float, effect: float, look: Comparison) -> Finding:
    stream: Stream = feature.column.stream if feature.column else "embedding"
    kind = "new" if _unseen(feature, look) else feature.kind
    return Finding(
        stream=stream,
        column=feature.column.name if feature.column else "embedding",
        kind=kind,
        what=said(feature.column, kind, feature.value, (look.reference, look.window), effect),
        effect=round(effect, 4),
        grade=grade(kind, p, effect, look),
        value=feature.value,
        p=round(p, 5),
    )


def _unseen(feature: Feature, look: Comparison) -> bool:
    column = feature.column
    if feature.kind != "level" or feature.value == OTHER or column is None or column.stream not in INPUTS:
        return False
    return share_of(column, feature.value, look.reference) == 0


def grade(kind: str, p: float, effect: float, look: Comparison) -> Grade:
    """Alarm only where chance is ruled out and the change is large enough to matter."""
    if p > look.rate:
        return "same"
    share = kind in ("level", "new", "missing")
    smallest = look.knobs.smallest_share_change if share else look.knobs.smallest_shift
    return "alarm" if abs(effect) >= smallest else "change"


def rare_new_values(look: Comparison, tested: set[tuple[str, str | None]]) -> list[Finding]:
    """Values that the reference never had and that are too rare to be tested by name, as notes.

    Each comes with the exact chance that all its patients fall into the window when nothing changed.
    """
    notes = []
    for column in WATCHED:
        if column.numeric or column.stream not in INPUTS:
            continue
        known = look.reference.sketch.categories[column.name].counts
        for value in look.window.sketch.categories[column.name].counts:
            if value not in known and (column.name, value) not in tested:
                share = look.window.sketch.categories[column.name].share(value)
                what = said(column, "new", value, (look.reference, look.window), share)
                p = _all_in_window(column.name, value, look)
                notes.append(Finding(column.stream, column.name, "new", what, round(share, 4), "note", value, p))
    return notes


def _all_in_window(column: str, value: str, look: Comparison) -> float:
    rows = look.window.rows
    patients = rows.loc[rows[column] == value, "patient"].nunique()
    pooled = look.window.patients + look.reference.patients
    return round(float(hypergeom.sf(patients - 1, pooled, patients, look.window.patients)), 5)
