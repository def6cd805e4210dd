"""Kaplan and Meier, log-rank and calibration: by hand, against lifelines, and with several studies of a patient."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test

from radloop.evaluation.outcome.groups import calibration, kaplan_meier, log_rank
from radloop.modeling.outcome.survival import Survival
from radloop.simulate.outcomes import KnownHazard, event_times

HAZARD = KnownHazard(coefficients=(("size", 1.0),), median=300, lost=0.001, ends=1000)


def made(n: int, seed: int = 0) -> tuple[Survival, pd.DataFrame]:
    features = pd.DataFrame({"size": np.random.default_rng([seed, 1]).standard_normal(n)})
    told = event_times(features, HAZARD, seed)
    return Survival.of(np.ceil(told["time"] / 5), told["event"]), features


def test_the_curve_by_hand() -> None:
    found = kaplan_meier(Survival.of([1, 2, 3, 4, 5], [1, 0, 1, 1, 0]))
    assert found.days.tolist() == [0, 1, 3, 4]
    assert found.alive == pytest.approx([1, 0.8, 0.8 * 2 / 3, 0.8 / 3])
    assert found.at_risk.tolist() == [5, 5, 3, 2] and found.events.tolist() == [0, 1, 1, 1]
    assert found.at(2.5)[0] == pytest.approx(0.8)
    assert np.isnan(found.at(6)).all()


def test_the_curve_and_its_interval_are_lifelines() -> None:
    survival, _ = made(120)
    ours, theirs = kaplan_meier(survival), KaplanMeierFitter().fit(survival.time, survival.event)
    inner = (ours.alive > 0) & (ours.alive < 1)
    assert ours.alive == pytest.approx(theirs.survival_function_at_times(ours.days).to_numpy())
    bounds = theirs.confidence_interval_survival_function_.loc[ours.days[inner]].to_numpy()
    assert np.stack([ours.low, ours.high], 1)[inner] == pytest.approx(bounds, abs=1e-9)


def test_no_event_yet_has_the_exact_bound_and_all_events_are_known_ever_after() -> None:
    quiet = kaplan_meier(Survival.of([5, 6, 7, 8], [0, 0, 0, 1]), also=(5.5,))
    assert quiet.at(5.5) == pytest.approx((1, 0.025 ** (1 / 3), 1))
    gone = kaplan_meier(Survival.of([1, 2], [1, 1]))
    assert gone.at(9)[:2] == (0, 0) and gone.at(9)[2] == gone.at(1)[2]
    with pytest.raises(ValueError, match="no case"):
        kaplan_meier(Survival.of([], []))


def test_a_patient_counted_four_times_narrows_no_interval() -> None:
    survival, _ = made(150)
    often = Survival(*(np.repeat(part, 4) for part in (survival.time, survival.event, survival.patients)))
    once, four = kaplan_meier(survival), kaplan_meier(often)
    assert four.alive == pytest.approx(once.alive)
    middle = (once.alive > 0.3) & (once.alive < 0.9)
    assert (four.high - four.low)[middle] == pytest.approx((once.high - once.low)[middle], rel=0.05)
    group = (survival.time % 2).astype(int)
    single, repeated = log_rank(survival, group), log_rank(often, np.repeat(group, 4))
    assert repeated.statistic == pytest.approx(single.statistic, rel=0.2)


def test_the_band_covers_the_true_curve_as_often_as_it_says() -> None:
    covered = []
    for seed in range(200):
        features = pd.DataFrame({"size": np.zeros(40)})
        told = event_times(features, HAZARD, seed)
        _, low, high = kaplan_meier(Survival.of(told["time"], told["event"])).at(300)
        covered.append(low <= 0.5 <= high)
    assert 0.91 <= np.mean(covered) <= 0.985


@pytest.mark.parametrize("groups", [2, 3, 5])
def test_the_log_rank_test_is_lifelines(groups: int) -> None:
    survival, features = made(200)
    group = pd.qcut(features["size"], groups, labels=False).to_numpy()
    ours, theirs = log_rank(survival, group), multivariate_logrank_test(survival.time, group, survival.event)
    assert (ours.statistic, ours.degrees) == (pytest.approx(theirs.test_statistic), groups - 1)
    assert ours.p_value == pytest.approx(theirs.p_value, rel=1e-6)


def test_groups_at_random_are_told_apart_as_often_as_the_level_says() -> None:
    alone, shared = [], []
    for seed in range(200):
        survival, _ = made(60, seed)
        group = np.random.default_rng(seed).integers(0, 3, 60)
        alone.append(log_rank(survival, group).p_value)
        often = Survival(*(np.repeat(part, 3) for part in (survival.time, survival.event, survival.patients)))
        shared.append(log_rank(often, np.repeat(group, 3)).p_value)
    assert 0.01 <= np.mean(np.array(alone) < 0.05) <= 0.10
    assert 0.01 <= np.mean(np.array(shared) < 0.05) <= 0.12


def test_one_group_and_no_event_compare_nothing() -> None:
    survival, _ = made(20)
    with pytest.raises(ValueError, match="1 groups"):
        log_rank(survival, np.zeros(20, int))
    with pytest.raises(ValueError, match="0 events"):
        log_rank(Survival.of([1, 2], [0, 0]), np.array([0, 1]))


def test_the_true_chances_are_calibrated_and_halved_ones_are_not() -> None:
    survival, features = made(2000)
    alive = HAZARD.alive(features, [300])[:, 0]
    good, bad = calibration(survival, alive, 60), calibration(survival, alive**0.5, 60)
    assert good["n"].tolist() == [400] * 5 and good["predicted"].is_monotonic_increasing
    assert ((good["low"] <= good["predicted"]) & (good["predicted"] <= good["high"])).sum() >= 4
    assert (bad["observed"] > bad["predicted"]).all() and (bad["low"] > bad["predicted"]).sum() >= 4


def test_a_bin_that_nobody_was_watched_in_to_the_horizon_is_not_observed() -> None:
    found = calibration(Survival.of([1, 2, 50, 60], [1, 0, 0, 0]), np.array([0.1, 0.2, 0.8, 0.9]), 40, bins=2)
    assert found["observed"].isna().tolist() == [False, True]
    assert (found["observed"][0], found["low"][0]) == (0, 0) and found["high"][0] == pytest.approx(1 - 0.025**0.5)
