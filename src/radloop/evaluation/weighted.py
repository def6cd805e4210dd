"""Statistics that sort once and are then re-weighted, as `intervals.cluster_bootstrap` asks for them.

Sorting anew in each replicate would cost thirty times as much.
"""

from __future__ import annotations

import numpy as np

from radloop.intervals import Codes, Floats, Statistic


def average_precision(labels: Floats, scores: Floats) -> Statistic:
    """Area under the precision-recall steps, as scikit-learn's `average_precision_score`; ties fall together.

    `labels` 0 or 1 [n], `scores` [n]. A replicate without positives is NaN.
    """
    order = np.argsort(-scores, kind="stable")
    hits = labels[order].astype(float)
    last = np.append(np.flatnonzero(np.diff(scores[order])), scores.size - 1)

    def statistic(weights: Floats) -> Floats:
        ranked = weights[:, order]
        caught = np.cumsum(ranked * hits, axis=1)[:, last]
        called = np.cumsum(ranked, axis=1)[:, last]
        gained = np.diff(caught, axis=1, prepend=0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(called > 0, caught / called, 0.0)
            area: Floats = (gained * precision).sum(axis=1) / caught[:, -1]
        return area

    return statistic


def brier(labels: Floats, scores: Floats) -> Statistic:
    """Mean squared distance of a probability from what turned out to be true."""
    squared = (scores - labels) ** 2

    def statistic(weights: Floats) -> Floats:
        mean: Floats = weights @ squared / weights.sum(axis=1)
        return mean

    return statistic


def calibration_error(labels: Floats, scores: Floats, bins: int) -> Statistic:
    """Expected calibration error over equal-mass bins: the mean distance of predicted from observed shares.

    The bins are cut once, on all cases. Source: Nixon 2019 (equal mass); Naeini 2015 (ECE).
    """
    members = np.eye(bins)[equal_mass_bins(scores, bins)] * (scores - labels)[:, None]

    def statistic(weights: Floats) -> Floats:
        error: Floats = np.abs(weights @ members).sum(axis=1) / weights.sum(axis=1)
        return error

    return statistic


def true_positive_rates(labels: Floats, scores: Floats, grid: Floats) -> Statistic:
    """Sensitivity at each false positive rate of `grid` [g]; gives [b, g], for the band of a ROC curve."""
    order = np.argsort(-scores, kind="stable")
    hits = labels[order].astype(float)
    last = np.append(np.flatnonzero(np.diff(scores[order])), scores.size - 1)

    def statistic(weights: Floats) -> Floats:
        ranked = weights[:, order]
        caught = np.cumsum(ranked * hits, axis=1)[:, last]
        alarmed = np.cumsum(ranked * (1 - hits), axis=1)[:, last]
        rates = [_interpolated(grid, alarm, catch) for alarm, catch in zip(alarmed, caught, strict=True)]
        return np.array(rates)

    return statistic


def _interpolated(grid: Floats, alarmed: Floats, caught: Floats) -> Floats:
    if alarmed[-1] == 0 or caught[-1] == 0:
        return np.full(grid.shape, np.nan)
    false_rate = np.concatenate([[0.0], alarmed / alarmed[-1]])
    true_rate = np.concatenate([[0.0], caught / caught[-1]])
    # where the curve is vertical np.interp takes the last point, the upper end, as the empirical curve does
    return np.asarray(np.interp(grid, false_rate, true_rate), dtype=float)


def equal_mass_bins(scores: Floats, bins: int) -> Codes:
    """The bin [n] of each score, bins holding equally many cases; equal scores share a bin."""
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.asarray(np.searchsorted(edges, scores, side="left"), dtype=np.intp)
