"""Everything that was found out about one model on held-out patients: what gate, report and card are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from radloop.evaluation.calibration import calibration_curve
from radloop.evaluation.cases import labelled
from radloop.evaluation.comparison import beats
from radloop.evaluation.gaps import gaps, largest_gaps
from radloop.evaluation.metrics import confusion, measure
from radloop.evaluation.names import BASELINES, BOUNDS
from radloop.evaluation.subgroups import subgroups
from radloop.evaluation.uses import hash_of_test_set
from radloop.intervals import Interval, auroc_interval, paired_auroc_difference
from radloop.params import Classification, Evaluate
from radloop.quality.metadata import Scores


@dataclass(frozen=True)
class Comparison:
    """A baseline on the test cases and the model's AUROC minus its; `how` says how the baseline was made."""

    auroc: Interval
    difference: Interval
    beaten: bool
    how: dict[str, Any]


@dataclass(frozen=True)
class Assessment:
    """The figures of one bundle on one test set.

    `cases` are the labelled test cases; `facts` what is known of the model (bundle, network, sources, rows of each
    split); `shared_patients` counts test patients who were trained on.
    """

    case: Classification
    cases: pd.DataFrame
    measures: dict[str, Interval]
    confusion: dict[str, int]
    curve: list[dict[str, float | int | None]]
    subgroups: pd.DataFrame
    gaps: pd.DataFrame
    comparisons: dict[str, Comparison]
    validation: Interval
    unlabelled: int
    shared_patients: int
    facts: dict[str, Any]

    @property
    def prevalence(self) -> float:
        """Share of positives among the labelled test cases."""
        return float(self.cases["label"].mean()) if len(self.cases) else 0.0


def assess(
    case: Classification,
    held_out: pd.DataFrame,
    baselines: Mapping[str, Scores],
    trained_on: set[str],
    facts: dict[str, Any],
) -> Assessment:
    """Judge the predictions of one bundle.

    `held_out` are Prediction columns with `split` and `label`; `baselines` hold scores of the labelled test rows in
    their order (see `cases.labelled`); `trained_on` are the patients of the training split.
    """
    section = case.evaluate
    cases = labelled(held_out, "test")
    validation = labelled(held_out, "validation")
    return Assessment(
        case=case,
        cases=cases,
        measures=measure(cases, section),
        confusion=confusion(cases),
        curve=calibration_curve(cases, section) if len(cases) else [],
        subgroups=subgroups(cases, case),
        gaps=gaps(cases, case),
        comparisons={name: compare(cases, scores, section) for name, scores in baselines.items()},
        validation=auroc_interval(
            validation["label"], validation["score"], validation["patient_id"], section.confidence,
            section.smallest_group,
        ),
        unlabelled=int((held_out["split"] == "test").sum()) - len(cases),
        shared_patients=len(set(cases["patient_id"]) & trained_on),
        facts=facts,
    )  # fmt: skip


def compare(cases: pd.DataFrame, scores: Scores, section: Evaluate) -> Comparison:
    """A baseline against the model on the same cases, paired."""
    label, patient = cases["label"], cases["patient_id"]
    difference = paired_auroc_difference(
        label, cases["score"], scores.values, patient, section.comparison_confidence, section.smallest_group
    )
    auroc = auroc_interval(label, scores.values, patient, section.confidence, section.smallest_group)
    return Comparison(auroc, difference, beats(difference, section.baseline_margin), scores.how)


def warnings_of(found: Assessment) -> list[str]:
    """What a reader must know before believing the figures."""
    section, said = found.case.evaluate, []
    metadata = found.comparisons.get("metadata")
    if metadata and metadata.auroc.value is not None and metadata.auroc.value >= section.shortcut_warning:
        said.append(
            f"Shortcut: metadata alone reaches an AUROC of {metadata.auroc}, at or above {section.shortcut_warning:g}. "
            "Part of the model's score may come from who was imaged, how and where, not from the finding."
        )
    for name, row in largest_gaps(found.gaps).items():
        if row["p_adjusted"] < 1 - section.confidence:
            said.append(
                f"Gap: {name} of {row['attribute']} {row['group']} differs from the rest by {row['gap']:+.3f} "
                f"({row['low']:+.3f} to {row['high']:+.3f}; p {row['p_adjusted']:.3g} after Holm)."
            )
    if found.unlabelled:
        said.append(f"{found.unlabelled} test cases without a label were left out.")
    if found.facts.get("simulated"):
        said.append("The images are simulated: these figures say nothing about real patients.")
    return said


def metrics_json(found: Assessment, gate_open: bool) -> dict[str, Any]:
    """The content of metrics.json: `scalars` are what histories compare, the rest is what they came from."""
    largest = largest_gaps(found.gaps)
    return {
        "use_case": found.case.name,
        "bundle": found.facts.get("bundle"),
        "test_set_sha256": hash_of_test_set(found.cases["record_id"]),
        "scalars": scalars(found, gate_open),
        "measures": {name: asdict(interval) for name, interval in found.measures.items()},
        "confusion": found.confusion,
        "calibration_curve": found.curve,
        "validation": {"auroc": asdict(found.validation)},
        "baselines": {name: asdict(comparison) for name, comparison in found.comparisons.items()},
        "largest_gaps": {name: plain_rows(row.to_frame().T)[0] for name, row in largest.items()},
        "warnings": warnings_of(found),
        "facts": found.facts,
    }


def scalars(found: Assessment, gate_open: bool) -> dict[str, float]:
    """Every known figure under its name of `names.SCALARS`; what is unknown is absent."""
    intervals = {**found.measures, "validation_auroc": found.validation}
    for name in BASELINES:
        if name in found.comparisons:
            intervals[f"{name}_auroc"] = found.comparisons[name].auroc
            intervals[f"difference_{name}"] = found.comparisons[name].difference
    values: dict[str, float | None] = {
        "n": len(found.cases), "positives": int(found.cases["label"].sum()),
        "patients": found.cases["patient_id"].nunique(), "unlabelled": found.unlabelled,
        "prevalence": found.prevalence, "threshold": found.facts.get("threshold"), **found.confusion,
        "warnings": len(warnings_of(found)), "gate_open": int(gate_open),
    }  # fmt: skip
    for name, interval in intervals.items():
        values |= dict(zip((f"{name}{b}" for b in BOUNDS), (interval.value, interval.low, interval.high), strict=True))
    values |= {f"largest_{name}_gap": float(row["gap"]) for name, row in largest_gaps(found.gaps).items()}
    return {name: float(value) for name, value in values.items() if value is not None}


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as JSON can hold them: NaN is null."""
    return [
        {
            str(key): None if pd.isna(value) else getattr(value, "item", lambda v=value: v)()
            for key, value in row.items()
        }
        for row in table.to_dict("records")
    ]
