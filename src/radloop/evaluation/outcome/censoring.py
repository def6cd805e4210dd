"""Kaplan and Meier's estimate under replicate weights: of the event, and of censoring, whose inverse weighs cases."""

from __future__ import annotations

import numpy as np

from radloop.intervals import Floats
from radloop.modeling.outcome.survival import Survival


class WeightedCurves:
    """Survival curves of weighted cases, sorted once so that a bootstrap re-weights them in passes.

    Of an event and a censoring on one day the event comes first. Source: Kaplan and Meier 1958; Gerds and
    Schumacher 2006 (censoring weights).
    """

    def __init__(self, survival: Survival) -> None:
        self._order = np.argsort(survival.time, kind="stable")
        days, self._starts, place = np.unique(survival.time[self._order], return_index=True, return_inverse=True)
        self.days: Floats = days
        self._place = np.empty(len(survival), dtype=np.intp)
        self._place[self._order] = place
        self._event = survival.event[self._order].astype(float)

    def event_free(self, weights: Floats) -> Floats:
        """Probability of no event by each of `days` [b, k], of weights [b, n]."""
        total, event = self._sums(weights)
        return _falling(event, _at_risk(total))

    def uncensored(self, weights: Floats) -> Floats:
        """Probability of not being censored by each of `days` [b, k], of weights [b, n]."""
        total, event = self._sums(weights)
        return _falling(total - event, _at_risk(total) - event)

    def just_before(self, curve: Floats) -> Floats:
        """A curve [b, k] as it stands just before each case's own day [b, n]."""
        return np.asarray(np.concatenate([np.ones((len(curve), 1)), curve], axis=1)[:, self._place])

    def by(self, curve: Floats, horizon: float) -> Floats:
        """A curve [b, k] as it stands on a day [b]."""
        place = int(np.searchsorted(self.days, horizon, side="right"))
        return curve[:, place - 1] if place else np.ones(len(curve))

    def _sums(self, weights: Floats) -> tuple[Floats, Floats]:
        ordered = weights[:, self._order]
        total = np.add.reduceat(ordered, self._starts, axis=1)
        return total, np.add.reduceat(ordered * self._event, self._starts, axis=1)


def inverse(weights: Floats, chance: Floats) -> Floats:
    """Weights over a chance, both [b, n]; 0 where a replicate has no such case."""
    return np.divide(weights, chance, out=np.zeros_like(weights), where=(weights > 0) & (chance > 0))


def _at_risk(total: Floats) -> Floats:
    return np.asarray(np.cumsum(total[:, ::-1], axis=1)[:, ::-1])


def _falling(left: Floats, at_risk: Floats) -> Floats:
    share = np.divide(left, at_risk, out=np.zeros_like(left), where=at_risk > 1e-12)
    return np.asarray(np.cumprod(np.clip(1 - share, 0, 1), axis=1))
