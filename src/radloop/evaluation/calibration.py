"""Whether a probability means what it says: error, curve, slope and intercept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import expit, logit, ndtri

from radloop.evaluation.weighted import calibration_error, equal_mass_bins
from radloop.intervals import Codes, Floats, Interval, cluster_bootstrap, proportion_interval
from radloop.params import Evaluate

#: Probabilities are kept this far from 0 and 1, where the logit is infinite.
EDGE = 1e-6


def calibration_curve(cases: pd.DataFrame, section: Evaluate) -> list[dict[str, float | int | None]]:
    """Predicted against observed share in bins of equally many cases, each with Wilson's clustered interval."""
    label, score = cases["label"].to_numpy(dtype=bool), cases["score"].to_numpy(dtype=float)
    bins = equal_mass_bins(score, section.calibration_bins)
    points: list[dict[str, float | int | None]] = []
    for code in np.unique(bins):
        inside = bins == code
        share = proportion_interval(label[inside], cases["patient_id"].to_numpy()[inside], section.confidence)
        points.append({"predicted": float(score[inside].mean()), "observed": share.value, "low": share.low,
                       "high": share.high, "n": share.n, "positives": share.positives})  # fmt: skip
    return points


def calibration_error_interval(cases: pd.DataFrame, section: Evaluate) -> Interval:
    """The expected calibration error with a reflected bootstrap interval.

    Few cases look miscalibrated by chance and resampling makes them look worse; reflecting takes that off the
    bounds, and the lower one is 0 where a perfectly calibrated model would often show as much. `note` says how much
    such a model shows. Source: Bröcker and Smith 2007 (consistency resampling).
    """
    label, score = cases["label"].to_numpy(dtype=float), cases["score"].to_numpy(dtype=float)
    statistic = calibration_error(label, score, section.calibration_bins)
    found = cluster_bootstrap(
        statistic, cases["patient_id"], section.confidence, section.bootstrap, section.seed, reflect=True
    )
    assert found.value is not None and found.low is not None and found.high is not None
    by_chance = errors_by_chance(score, section)
    innocent = found.value <= np.quantile(by_chance, section.confidence)
    low = 0.0 if innocent else min(max(found.low, 0.0), found.value)
    note = f"a perfectly calibrated model shows {by_chance.mean():.3f} on these scores"
    return replace(found, low=low, high=max(found.high, found.value), positives=int(label.sum()), note=note)


def errors_by_chance(score: Floats, section: Evaluate) -> Floats:
    """Calibration errors [replicates] of labels drawn from the scores themselves, so of a perfect model."""
    members = np.eye(section.calibration_bins)[equal_mass_bins(score, section.calibration_bins)]
    random = np.random.default_rng(section.seed)
    errors = []
    for _ in range(section.bootstrap):
        drawn = random.random(score.size) < score
        errors.append(np.abs((score - drawn) @ members).sum() / score.size)
    return np.array(errors)


def calibration_slope(cases: pd.DataFrame, section: Evaluate) -> Interval:
    """Slope of the label on the logit of the probability: 1 is right, below 1 the model is too sure of itself.

    Source: Cox 1958; Van Calster 2019.
    """
    x = _logits(cases)
    return _coefficient(np.column_stack([np.ones_like(x), x]), np.zeros_like(x), cases, section)


def calibration_intercept(cases: pd.DataFrame, section: Evaluate) -> Interval:
    """Calibration in the large: 0 is right, above 0 the disease is more frequent than predicted."""
    x = _logits(cases)
    return _coefficient(np.ones((x.size, 1)), x, cases, section)


def _logits(cases: pd.DataFrame) -> Floats:
    return np.asarray(logit(np.clip(cases["score"].to_numpy(dtype=float), EDGE, 1 - EDGE)), dtype=float)


def _coefficient(design: Floats, offset: Floats, cases: pd.DataFrame, section: Evaluate) -> Interval:
    """The last coefficient of a logistic regression, its error clustered by patient (sandwich)."""
    label = cases["label"].to_numpy(dtype=float)
    codes: Codes = np.unique(cases["patient_id"].to_numpy(), return_inverse=True)[1]
    patients = int(codes.max()) + 1
    basis = Interval(None, None, None, label.size, int(label.sum()), "logistic, sandwich by patient", patients,
                     section.confidence)  # fmt: skip
    fitted = _newton(design, offset, label)
    if fitted is None:
        return replace(basis, note="not estimable")
    beta, bread = fitted
    residual = (label - expit(design @ beta + offset))[:, None] * design
    meat = np.array([np.bincount(codes, column) for column in residual.T])
    variance = bread @ (meat @ meat.T) @ bread * patients / (patients - 1)
    value, reach = float(beta[-1]), float(ndtri((1 + section.confidence) / 2) * np.sqrt(variance[-1, -1]))
    return replace(basis, value=value, low=value - reach, high=value + reach)


def _newton(design: Floats, offset: Floats, label: Floats) -> tuple[Floats, Floats] | None:
    """Coefficients and inverse information, or None where the classes are separable and there is no maximum."""
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        chance = expit(design @ beta + offset)
        information = design.T @ (design * (chance * (1 - chance))[:, None])
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, design.T @ (label - chance))
        beta = beta + step
        if np.abs(beta).max() > 100:
            return None
        if np.abs(step).max() < 1e-9:
            return beta, np.linalg.inv(information)
    return None
