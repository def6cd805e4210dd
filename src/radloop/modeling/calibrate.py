"""From logits to probabilities that mean what they say, and to a decision."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

#: Bounds of the temperature: beyond them the validation set is separated or the network is blind.
COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Calibration:
    """How a logit becomes a probability: sigmoid((logit - offset) / temperature); a decision is score >= threshold."""

    temperature: float
    offset: float
    threshold: float

    def score(self, logit: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, float64, of logits."""
        return np.asarray(expit((np.asarray(logit, np.float64) - self.offset) / self.temperature))

    def decide(self, score: np.ndarray) -> np.ndarray:
        """Decisions, bool, of calibrated probabilities."""
        return np.asarray(score >= self.threshold)

    def to_json(self) -> dict[str, Any]:
        """The numbers as a bundle's manifest keeps them."""
        return asdict(self)


def fit_scaling(logit: np.ndarray, labels: np.ndarray, prevalence: float | None = None) -> tuple[float, float]:
    """Temperature and offset with the least cross-entropy on validation.

    `prevalence`: share of positives that the probabilities shall mean, better known from all cases outside the test
    than from few validation cases; these are weighed to it (Saerens et al., Neural Comput 2002). Default: their own.

    Temperature scaling (Guo et al., ICML 2017) with the offset of Platt (1999), because class weighting moves all
    logits by a constant. Targets are Platt's, a little short of 0 and 1, so that a separated set stays finite.
    """
    positives = float(labels.sum())
    negatives = len(labels) - positives
    target = np.where(labels.astype(bool), (positives + 1) / (positives + 2), 1 / (negatives + 2))
    values = np.asarray(logit, np.float64)

    share = positives / len(labels) if prevalence is None else prevalence
    weight = np.where(labels.astype(bool), share / positives, (1 - share) / negatives)

    def loss(parameters: np.ndarray) -> float:
        scaled = (values - parameters[1]) / np.exp(parameters[0])
        return float(np.sum(weight * (np.logaddexp(0.0, scaled) - target * scaled)))

    reach = float(np.abs(values).max()) + 1.0
    bounds = [(np.log(COLDEST), np.log(HOTTEST)), (-reach, reach)]
    best = minimize(loss, np.array([0.0, float(np.median(values))]), method="L-BFGS-B", bounds=bounds)
    return float(np.exp(best.x[0])), float(best.x[1])


def choose_threshold(score: np.ndarray, labels: np.ndarray, rule: str, sensitivity: float) -> float:
    """The score from which validation cases are called positive.

    `sensitivity`: the highest threshold whose sensitivity is at least that; `youden`: the largest sum of sensitivity
    and specificity (Youden, 1950). Thresholds lie between neighbouring scores, so that rounding decides nothing.
    """
    order = np.unique(score)
    cuts = np.concatenate([[order[0] / 2], (order[1:] + order[:-1]) / 2])
    positive, negative = np.sort(score[labels.astype(bool)]), np.sort(score[~labels.astype(bool)])
    sensitivities = 1.0 - np.searchsorted(positive, cuts) / len(positive)
    specificities = np.searchsorted(negative, cuts) / len(negative)
    if rule == "youden":
        return float(cuts[np.argmax(sensitivities + specificities)])
    return float(cuts[np.flatnonzero(sensitivities >= sensitivity - 1e-12)[-1]])


def calibrate(
    logit: np.ndarray, labels: np.ndarray, rule: str, sensitivity: float, prevalence: float | None = None
) -> Calibration:
    """Fit scaling and threshold on the validation cases: `logit` [n], `labels` [n] of 0 and 1, both present."""
    temperature, offset = fit_scaling(logit, labels, prevalence)
    score = Calibration(temperature, offset, 0.5).score(logit)
    return Calibration(temperature, offset, choose_threshold(score, labels, rule, sensitivity))
