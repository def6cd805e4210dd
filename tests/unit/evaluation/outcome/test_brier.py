"""Brier's score by hand and against the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radloop.evaluation.outcome.brier import brier_at, explained, integrated_brier
from radloop.evaluation.outcome.censoring import WeightedCurves
from radloop.modeling.outcome.survival import Survival
from radloop.simulate.outcomes import KnownHazard, event_times

FIVE = Survival.of([1, 2, 3, 4, 5], [1, 0, 1, 1, 0])
ALIVE = np.array([0.2, 0.5, 0.4, 0.6, 0.9])
ONES = np.ones((1, 5))


def test_curves_by_hand() -> None:
    curves = WeightedCurves(FIVE)
    assert curves.event_free(ONES)[0] == pytest.approx([0.8, 0.8, 0.8 * 2 / 3, 0.8 / 3, 0.8 / 3])
    assert curves.uncensored(ONES)[0] == pytest.approx([1, 0.75, 0.75, 0.75, 0])
    assert curves.just_before(curves.uncensored(ONES))[0] == pytest.approx([1, 1, 0.75, 0.75, 0.75])
    assert [curves.by(curves.event_free(ONES), day)[0] for day in (0.5, 1, 2.9)] == pytest.approx([1, 0.8, 0.8])


def test_the_score_by_hand() -> None:
    # by day 3: events of days 1 and 3, weight 1 and 4/3; days 4 and 5 are free, weight 4/3; day 2 is left out
    wanted = (0.2**2 + 4 / 3 * (0.4**2 + 0.4**2 + 0.1**2)) / 5
    assert brier_at(FIVE, ALIVE, 3)(ONES)[0] == pytest.approx(wanted)


def test_the_integral_is_the_mean_over_the_span() -> None:
    alive = np.stack([ALIVE, ALIVE**2, ALIVE**3], 1)
    parts = [brier_at(FIVE, alive[:, k], day)(ONES)[0] for k, day in enumerate((1.0, 3.0, 4.0))]
    wanted = (parts[0] + parts[1]) + (parts[1] + parts[2]) / 2
    assert integrated_brier(FIVE, alive, np.array([1.0, 3.0, 4.0]))(ONES)[0] == pytest.approx(wanted / 3)
    with pytest.raises(ValueError, match="span nothing"):
        integrated_brier(FIVE, alive[:, :1], np.array([1.0]))


def test_a_curve_for_all_explains_nothing_and_a_seer_everything() -> None:
    sure = Survival.of([1, 2, 3, 4], [1, 1, 1, 1])
    assert explained(sure, np.full(4, 0.5), 2)(np.ones((1, 4)))[0] == pytest.approx(0)
    assert explained(sure, np.array([0.0, 0, 1, 1]), 2)(np.ones((1, 4)))[0] == pytest.approx(1)


def test_censoring_does_not_move_the_score() -> None:
    hazard = KnownHazard(coefficients=(("size", 1.0),), median=300, lost=0.002, ends=1000)
    features = pd.DataFrame({"size": np.random.default_rng(1).standard_normal(6000)})
    told, alive = event_times(features, hazard, 2), hazard.alive(features, [400])[:, 0]
    seen = brier_at(Survival.of(told["time"], told["event"]), alive, 400)(np.ones((1, 6000)))[0]
    full = np.mean(((told["event_day"] > 400) - alive) ** 2)
    assert seen == pytest.approx(full, abs=0.006)
    assert seen == pytest.approx((alive * (1 - alive)).mean(), abs=0.008)
