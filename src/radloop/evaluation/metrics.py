"""The figures of a classifier at its threshold and over all thresholds, each with a patient-clustered interval."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from radloop.evaluation.calibration import (
    calibration_error_interval,
    calibration_intercept,
    calibration_slope,
)
from radloop.evaluation.names import MEASURES
from radloop.evaluation.weighted import average_precision, brier
from radloop.intervals import (
    TOO_FEW,
    Interval,
    Statistic,
    auroc_interval,
    cluster_bootstrap,
    proportion_interval,
)
from radloop.params import Evaluate


def measure(cases: pd.DataFrame, section: Evaluate) -> dict[str, Interval]:
    """All of `names.MEASURES` of labelled cases.

    `cases` has `label` bool, `score` in [0, 1], `decision` bool and `patient_id`. With fewer than
    `smallest_group` positives or negatives every measure that needs both is "too few".
    Raises ValueError for scores that are not finite.
    """
    found = {
        "auroc": auroc_interval(
            cases["label"], cases["score"], cases["patient_id"], section.confidence, section.smallest_group
        ),
        **threshold_measures(cases, section),
        **_probability_measures(cases, section),
    }
    return {name: found[name] for name in MEASURES}


def threshold_measures(cases: pd.DataFrame, section: Evaluate) -> dict[str, Interval]:
    """Sensitivity, specificity and predictive values of the decisions that were made.

    Each is a share of the cases that it is about: `n` are the diseased for sensitivity, those called for PPV.
    """
    label, decision = cases["label"].to_numpy(dtype=bool), cases["decision"].to_numpy(dtype=bool)
    patient = cases["patient_id"].to_numpy()
    about = {
        "sensitivity": (label, decision),
        "specificity": (~label, ~decision),
        "ppv": (decision, label),
        "npv": (~decision, ~label),
    }
    return {
        name: proportion_interval(outcome[among], patient[among], section.confidence, section.smallest_group)
        for name, (among, outcome) in about.items()
    }


def confusion(cases: pd.DataFrame) -> dict[str, int]:
    """How many decisions were right and wrong, by label."""
    label, decision = cases["label"].to_numpy(dtype=bool), cases["decision"].to_numpy(dtype=bool)
    return {
        "true_positives": int((label & decision).sum()),
        "false_negatives": int((label & ~decision).sum()),
        "false_positives": int((~label & decision).sum()),
        "true_negatives": int((~label & ~decision).sum()),
    }


def enough(cases: pd.DataFrame, smallest: int) -> bool:
    """True where there are `smallest` positives and negatives, from at least two patients each."""
    label = cases["label"].to_numpy(dtype=bool)
    patients = min(cases["patient_id"][label].nunique(), cases["patient_id"][~label].nunique())
    return bool(min(label.sum(), (~label).sum()) >= smallest and patients >= 2)


def _probability_measures(cases: pd.DataFrame, section: Evaluate) -> dict[str, Interval]:
    names = ("auprc", "brier", "calibration_error", "calibration_slope", "calibration_intercept")
    label, score = cases["label"].to_numpy(dtype=float), cases["score"].to_numpy(dtype=float)
    if not enough(cases, section.smallest_group):
        few = Interval(None, None, None, label.size, int(label.sum()), "none", cases["patient_id"].nunique(),
                       section.confidence, TOO_FEW)  # fmt: skip
        return dict.fromkeys(names, few)
    return {
        "auprc": _bootstrapped(average_precision(label, score), cases, section),
        "brier": _bootstrapped(brier(label, score), cases, section),
        "calibration_error": calibration_error_interval(cases, section),
        "calibration_slope": calibration_slope(cases, section),
        "calibration_intercept": calibration_intercept(cases, section),
    }


def _bootstrapped(statistic: Statistic, cases: pd.DataFrame, section: Evaluate) -> Interval:
    patients = np.unique(cases["patient_id"].to_numpy(), return_inverse=True)[1]
    found = cluster_bootstrap(statistic, patients, section.confidence, section.bootstrap, section.seed)
    return replace(found, positives=int(cases["label"].sum()))
