"""How well risks order events: C-indices and the time-dependent AUC, as statistics of replicate weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from radloop.evaluation.outcome.censoring import WeightedCurves, inverse
from radloop.intervals import BLOCK, Codes, Floats, Statistic
from radloop.modeling.outcome.survival import Flags, Survival

#: Of some earlier cases (positions), with which later ones each forms a pair [e, n].
Pairing = Callable[[Codes], Flags]


def harrell_concordance(survival: Survival, risk: Floats, strata: Codes | None = None) -> Statistic:
    """Share of usable pairs whose earlier event had the higher risk; equal risks count half.

    A pair is usable if the earlier of two times is an event; on one day an event comes before a censoring. `strata`
    [n] compares within one of them only, as risks of two folds must be. Source: Harrell 1982.
    """
    earlier = np.flatnonzero(survival.event)
    pairing = _usable(survival, strata)

    def statistic(weights: Floats) -> Floats:
        return _share(weights[:, earlier], weights, earlier, pairing, risk)

    return statistic


def uno_concordance(survival: Survival, risk: Floats, until: float, strata: Codes | None = None) -> Statistic:
    """Harrell's share among events before `until` days, each pair weighted by the inverse chance squared of being seen.

    So it does not depend on who was censored when, as Harrell's does. Source: Uno 2011.
    """
    earlier = np.flatnonzero(survival.event & (survival.time < until))
    pairing, curves = _usable(survival, strata), WeightedCurves(survival)

    def statistic(weights: Floats) -> Floats:
        seen = curves.just_before(curves.uncensored(weights))[:, earlier]
        return _share(inverse(weights[:, earlier], seen**2), weights, earlier, pairing, risk)

    return statistic


def dynamic_auc(survival: Survival, risk: Floats, horizon: float, strata: Codes | None = None) -> Statistic:
    """Share of pairs, an event by `horizon` days against none by then, in which the event had the higher risk.

    Events are weighted by the inverse chance of being seen; that of the others is the same for all and falls out.
    Source: Uno 2007; Hung and Chiang 2010.
    """
    earlier, later = np.flatnonzero(survival.event & (survival.time <= horizon)), survival.time > horizon
    curves = WeightedCurves(survival)

    def pairing(rows: Codes) -> Flags:
        return np.broadcast_to(later, (rows.size, later.size)) & _within(rows, strata)

    def statistic(weights: Floats) -> Floats:
        seen = curves.just_before(curves.uncensored(weights))[:, earlier]
        return _share(inverse(weights[:, earlier], seen), weights, earlier, pairing, risk)

    return statistic


def _usable(survival: Survival, strata: Codes | None) -> Pairing:
    time, event = survival.time, survival.event

    def pairing(rows: Codes) -> Flags:
        after = (time > time[rows, None]) | ((time == time[rows, None]) & ~event)
        return np.asarray(after & _within(rows, strata))

    return pairing


def _within(rows: Codes, strata: Codes | None) -> Flags | np.bool_:
    return np.True_ if strata is None else strata[rows, None] == strata


def _share(first: Floats, weights: Floats, earlier: Codes, pairing: Pairing, risk: Floats) -> Floats:
    """Won over all weighted pairs [b], of the weights of earlier cases [b, e], in blocks that keep memory bounded."""
    won, every = np.zeros(len(weights)), np.zeros(len(weights))
    step = max(1, BLOCK // max(risk.size, 1))
    for start in range(0, earlier.size, step):
        part = earlier[start : start + step]
        pairs, own = pairing(part).astype(float), first[:, start : start + step]
        higher = (risk[part, None] > risk) + 0.5 * (risk[part, None] == risk)
        won += np.einsum("bn,bn->b", own @ (pairs * higher), weights)
        every += np.einsum("bn,bn->b", own @ pairs, weights)
    return np.asarray(np.divide(won, every, out=np.full(len(weights), np.nan), where=every > 0))
