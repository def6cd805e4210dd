"""C-indices and time-dependent AUC against hand-counted pairs, another's code and the truth of a simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines.utils import concordance_index

from radloop.evaluation.outcome import ranking
from radloop.evaluation.outcome.ranking import dynamic_auc, harrell_concordance, uno_concordance
from radloop.intervals import Statistic, cluster_bootstrap
from radloop.modeling.outcome.survival import Survival
from radloop.simulate.outcomes import KnownHazard, event_times, true_auc, true_concordance

#: Days 1 event, 2 censored, 3 event, 4 event, 5 censored.
FIVE = Survival.of([1, 2, 3, 4, 5], [1, 0, 1, 1, 0])
RISK = np.array([0.9, 0.1, 0.3, 0.5, 0.3])


def value(statistic: Statistic, n: int) -> float:
    return float(statistic(np.ones((1, n)))[0])


def test_harrells_pairs_counted_by_hand() -> None:
    # 1 before 2, 3, 4, 5: four won; 3 before 4: lost, before 5: tied; 4 before 5: won
    assert value(harrell_concordance(FIVE, RISK), 5) == pytest.approx(5.5 / 7)


def test_unos_pairs_weighted_by_hand() -> None:
    # not censored by day 2: 3 of 4, so the pairs of days 3 and 4 count (4/3)^2 each
    w = (4 / 3) ** 2
    assert value(uno_concordance(FIVE, RISK, 10), 5) == pytest.approx((4 + 1.5 * w) / (4 + 3 * w))
    assert value(uno_concordance(FIVE, RISK, 4), 5) == pytest.approx((4 + 0.5 * w) / (4 + 2 * w))


def test_dynamic_aucs_pairs_weighted_by_hand() -> None:
    # events by day 3: day 1 (weight 1) and day 3 (weight 4/3), against those of days 4 and 5
    assert value(dynamic_auc(FIVE, RISK, 3), 5) == pytest.approx((2 + 0.5 * 4 / 3) / (2 + 2 * 4 / 3))


def test_an_event_comes_before_a_censoring_of_its_day() -> None:
    tied = Survival.of([2, 2, 2], [1, 0, 1])
    assert value(harrell_concordance(tied, np.array([3.0, 2.0, 1.0])), 3) == 0.5
    assert value(uno_concordance(tied, np.array([3.0, 2.0, 1.0]), 3), 3) == 0.5


def test_strata_compare_within_themselves() -> None:
    strata = np.array([0, 1, 0, 1, 0])
    # in 0: days 1 before 3 and 5 won, 3 before 5 tied; in 1: day 2 is censored
    assert value(harrell_concordance(FIVE, RISK, strata), 5) == pytest.approx(2.5 / 3)
    shifted = RISK + 10 * strata
    assert value(harrell_concordance(FIVE, shifted, strata), 5) == value(harrell_concordance(FIVE, RISK, strata), 5)
    assert value(dynamic_auc(FIVE, shifted, 3, strata), 5) == value(dynamic_auc(FIVE, RISK, 3, strata), 5)


def made(n: int, seed: int, hazard: KnownHazard) -> tuple[Survival, np.ndarray]:
    features = pd.DataFrame({"size": np.random.default_rng([seed, 1]).standard_normal(n)})
    told = event_times(features, hazard, seed)
    return Survival.of(told["time"], told["event"]), told["log_hazard"].to_numpy()


@pytest.fixture
def hazard() -> KnownHazard:
    """Half of all leave before their event."""
    return KnownHazard(coefficients=(("size", 1.0),), median=300, lost=0.0025, ends=1200)


def test_harrells_index_is_lifelines(hazard: KnownHazard) -> None:
    survival, risk = made(300, 0, hazard)
    rounded = Survival.of(np.ceil(survival.time / 60), survival.event)
    ours = value(harrell_concordance(rounded, np.round(risk)), 300)
    assert ours == pytest.approx(concordance_index(rounded.time, -np.round(risk), rounded.event), abs=1e-12)


def test_blocks_of_pairs_change_nothing(hazard: KnownHazard, monkeypatch: pytest.MonkeyPatch) -> None:
    survival, risk = made(100, 0, hazard)
    whole = value(uno_concordance(survival, risk, 500), 100)
    monkeypatch.setattr(ranking, "BLOCK", 700)
    assert value(uno_concordance(survival, risk, 500), 100) == pytest.approx(whole, abs=1e-12)


def test_a_weight_of_two_is_a_case_twice(hazard: KnownHazard) -> None:
    survival, risk = made(40, 5, hazard)
    weights = np.arange(40) % 3
    again = np.repeat(np.arange(40), weights)
    for make in (harrell_concordance, lambda s, r: uno_concordance(s, r, 400), lambda s, r: dynamic_auc(s, r, 400)):
        weighted = float(make(survival, risk)(weights[None].astype(float))[0])
        assert weighted == pytest.approx(value(make(survival.part(again), risk[again]), again.size), abs=1e-12)


def test_uno_and_the_dynamic_auc_find_the_truth_under_heavy_censoring(hazard: KnownHazard) -> None:
    apart = []
    for seed in range(40):
        survival, risk = made(400, seed, hazard)
        assert survival.event.mean() < 0.6
        uno = value(uno_concordance(survival, risk, 600), 400) - true_concordance(risk, hazard, 600)
        apart.append((uno, value(dynamic_auc(survival, risk, 300), 400) - true_auc(risk, hazard, 300)))
    error = np.std(apart, axis=0) / np.sqrt(40)
    assert (np.abs(np.mean(apart, axis=0)) < 3 * error).all() and (error < 0.006).all()


def test_intervals_cover_the_truth_as_often_as_they_say(hazard: KnownHazard) -> None:
    population = made(2000, 999, hazard)[1]
    truth = np.array([true_concordance(population, hazard, 500), true_auc(population, hazard, 300)])
    covered = []
    for seed in range(200):
        survival, risk = made(60, seed, hazard)
        pair = uno_concordance(survival, risk, 500), dynamic_auc(survival, risk, 300)
        found = [cluster_bootstrap(one, survival.patients, replicates=1000, seed=seed) for one in pair]
        covered.append([one.low <= t <= one.high for one, t in zip(found, truth, strict=True)])
    assert (np.mean(covered, axis=0) >= 0.89).all() and (np.mean(covered, axis=0) <= 0.985).all()
