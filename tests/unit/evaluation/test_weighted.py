"""Re-weighted statistics against scikit-learn and against repeating rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_curve

from radloop.evaluation import weighted


def readings(decimals: int = 6) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    score = np.round(random.random(300), decimals)
    return (random.random(300) < score).astype(float), score


def once(statistic, size: int = 300) -> float:
    return statistic(np.ones((1, size)))[0]


@pytest.mark.parametrize("decimals", [6, 1])
def test_average_precision_equals_scikit_learns_with_and_without_ties(decimals: int) -> None:
    label, score = readings(decimals)
    assert once(weighted.average_precision(label, score)) == pytest.approx(average_precision_score(label, score))


def test_brier_equals_scikit_learns() -> None:
    label, score = readings()
    assert once(weighted.brier(label, score)) == pytest.approx(brier_score_loss(label, score))


@pytest.mark.parametrize("decimals", [6, 1])
def test_a_weight_of_three_is_a_case_repeated_three_times(decimals: int) -> None:
    label, score = readings(decimals)
    weights = np.random.default_rng(1).integers(0, 4, 300)
    repeated = np.repeat(label, weights), np.repeat(score, weights)
    for statistic in (weighted.average_precision, weighted.brier):
        expected = once(statistic(*repeated), repeated[0].size)
        assert statistic(label, score)(weights[None].astype(float))[0] == pytest.approx(expected)


def test_a_replicate_without_positives_has_no_precision() -> None:
    label, score = readings()
    assert np.isnan(weighted.average_precision(label, score)((1 - label)[None])[0])


def test_the_roc_band_of_equal_weights_is_the_roc_curve() -> None:
    label, score = readings()
    false_rate, true_rate, _ = roc_curve(label, score, drop_intermediate=False)
    grid = np.linspace(0.003, 1, 50)
    found = once(weighted.true_positive_rates(label, score, grid))
    assert found == pytest.approx(np.interp(grid, false_rate, true_rate))


def test_a_perfectly_honest_forecast_has_no_calibration_error_and_a_shifted_one_has_the_shift() -> None:
    score = np.repeat(np.linspace(0.05, 0.95, 10), 200)
    label = np.concatenate([np.arange(200) < round(200 * p) for p in np.linspace(0.05, 0.95, 10)]).astype(float)
    assert once(weighted.calibration_error(label, score, 10), 2000) == pytest.approx(0, abs=1e-9)
    assert once(weighted.calibration_error(label, score - 0.04, 10), 2000) == pytest.approx(0.04, abs=1e-9)


def test_bins_hold_equally_many_cases_and_never_part_equal_scores() -> None:
    _, score = readings()
    assert set(np.bincount(weighted.equal_mass_bins(score, 10))) == {30}
    tied = np.repeat([0.1, 0.9], [280, 20])
    bins = weighted.equal_mass_bins(tied, 10)
    assert len(set(bins[:280])) == 1 and len(set(bins[280:])) == 1
