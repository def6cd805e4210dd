"""How far predicted survival lies from what happened: Brier's score under censoring, at a day and over a span."""

from __future__ import annotations

import numpy as np

from radloop.evaluation.outcome.censoring import WeightedCurves, inverse
from radloop.intervals import Floats, Statistic
from radloop.modeling.outcome.survival import Survival


def brier_at(survival: Survival, alive: Floats, horizon: float) -> Statistic:
    """Mean squared distance of `alive` [n], the chance of no event by `horizon` days, from what was seen.

    Those censored before are left out and stood for by the others, by the inverse chance of being seen.
    Source: Graf 1999.
    """
    curves = WeightedCurves(survival)

    def statistic(weights: Floats) -> Floats:
        return _squared(survival, curves, weights, alive, horizon)

    return statistic


def integrated_brier(survival: Survival, alive: Floats, horizons: Floats) -> Statistic:
    """The mean of Brier's score over the days from the first to the last of rising `horizons` [m]; `alive` [n, m].

    By the trapezium rule. Raises ValueError for fewer than two horizons. Source: Graf 1999.
    """
    if horizons.size < 2 or (np.diff(horizons) <= 0).any():
        raise ValueError(f"{horizons.size} horizons span nothing; two or more, rising, are needed")
    curves = WeightedCurves(survival)

    def statistic(weights: Floats) -> Floats:
        scores = [_squared(survival, curves, weights, alive[:, k], day) for k, day in enumerate(horizons)]
        return np.asarray(np.trapezoid(np.stack(scores), horizons, axis=0) / (horizons[-1] - horizons[0]))

    return statistic


def explained(survival: Survival, alive: Floats, horizon: float) -> Statistic:
    """1 less Brier's score over that of Kaplan and Meier's curve, which knows no patient: 0 is no better, 1 perfect."""
    curves = WeightedCurves(survival)

    def statistic(weights: Floats) -> Floats:
        blind = curves.by(curves.event_free(weights), horizon)[:, None]
        own = _squared(survival, curves, weights, alive, horizon)
        reference = _squared(survival, curves, weights, blind, horizon)
        return np.asarray(1 - np.divide(own, reference, out=np.full(len(own), np.nan), where=reference > 0))

    return statistic


def _squared(survival: Survival, curves: WeightedCurves, weights: Floats, alive: Floats, horizon: float) -> Floats:
    uncensored = curves.uncensored(weights)
    hit, free = survival.event & (survival.time <= horizon), survival.time > horizon
    gone = inverse(weights * hit, curves.just_before(uncensored))
    there = inverse(weights * free, np.broadcast_to(curves.by(uncensored, horizon)[:, None], weights.shape))
    return np.asarray((gone * alive**2 + there * (1 - alive) ** 2).sum(1) / weights.sum(1))
