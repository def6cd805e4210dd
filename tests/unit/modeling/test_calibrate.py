from __future__ import annotations

import numpy as np
import pytest

from radloop.modeling.calibrate import Calibration, calibrate, choose_threshold, fit_scaling


def cases(temperature: float, offset: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits of a network that is `temperature` times too sure and `offset` too high, with true labels."""
    rng = np.random.default_rng(0)
    true = rng.normal(-0.5, 1.5, count)
    labels = rng.random(count) < 1 / (1 + np.exp(-true))
    return true * temperature + offset, labels.astype(np.float32)


@pytest.mark.parametrize(("temperature", "offset"), [(1.0, 0.0), (3.0, 1.0), (0.4, -2.0)])
def test_scaling_finds_how_sure_and_how_shifted_a_network_is(temperature: float, offset: float) -> None:
    found = fit_scaling(*cases(temperature, offset))
    assert found == pytest.approx((temperature, offset), rel=0.05, abs=0.1)


def test_calibrated_probabilities_mean_what_they_say() -> None:
    logit, labels = cases(2.5, 0.8)
    score = calibrate(logit, labels, "youden", 0.9).score(logit)
    for low in (0.1, 0.4, 0.7):
        inside = (score >= low) & (score < low + 0.2)
        assert labels[inside].mean() == pytest.approx(score[inside].mean(), abs=0.03)


def test_a_separated_validation_set_stays_finite() -> None:
    found = calibrate(np.array([-9.0, -8.0, 8.0, 9.0]), np.array([0, 0, 1, 1]), "youden", 0.9)
    score = found.score(np.array([-50.0, 50.0]))
    assert np.isfinite([found.temperature, found.offset]).all() and 0 < score[0] < score[1] < 1
    assert found.decide(found.score(np.array([-8.0, 8.0]))).tolist() == [False, True]


def test_the_sensitivity_rule_takes_the_highest_threshold_that_reaches_it() -> None:
    score, labels = np.arange(1, 11) / 11, np.array([0, 0, 0, 1, 0, 1, 0, 1, 1, 1])
    threshold = choose_threshold(score, labels, "sensitivity", 0.8)
    assert 5 / 11 < threshold < 6 / 11
    assert choose_threshold(score, labels, "sensitivity", 1.0) < 4 / 11


def test_the_youden_rule_takes_the_best_sum_of_sensitivity_and_specificity() -> None:
    score, labels = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.9]), np.array([0, 0, 0, 1, 1, 1])
    assert 0.3 < choose_threshold(score, labels, "youden", 0.0) < 0.6


def test_scores_keep_the_order_of_logits() -> None:
    score = Calibration(2.0, 0.3, 0.5).score(np.linspace(-30, 30, 100))
    assert (np.diff(score) > 0).all()


def test_few_validation_cases_of_another_prevalence_do_not_bend_the_probabilities() -> None:
    logit, labels = cases(1.0, 0.0)
    kept = np.flatnonzero((labels == 1) | (np.arange(len(labels)) % 4 == 0))  # positives far too frequent
    known = float(labels.mean())
    drawn = calibrate(logit[kept], labels[kept], "youden", 0.9)
    told = calibrate(logit[kept], labels[kept], "youden", 0.9, known)
    assert abs(told.score(logit).mean() - known) < 0.02 < abs(drawn.score(logit).mean() - known)
