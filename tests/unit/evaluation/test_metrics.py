"""Figures with intervals of labelled cases."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, precision_score, recall_score, roc_auc_score

from radloop.evaluation import calibration, metrics
from radloop.evaluation.names import MEASURES
from radloop.params import UseCase


def test_every_measure_has_a_value_inside_its_interval(cases, case: UseCase) -> None:
    found = metrics.measure(cases(), case.evaluate)
    assert tuple(found) == MEASURES
    assert all(one.low <= one.value <= one.high for one in found.values())
    assert all(one.clusters <= 200 and one.n <= 400 for one in found.values())


def test_the_figures_equal_scikit_learns(cases, case: UseCase) -> None:
    frame = cases()
    found = metrics.measure(frame, case.evaluate)
    assert found["auroc"].value == pytest.approx(roc_auc_score(frame.label, frame.score), abs=1e-12)
    assert found["sensitivity"].value == pytest.approx(recall_score(frame.label, frame.decision))
    assert found["specificity"].value == pytest.approx(recall_score(~frame.label, ~frame.decision))
    assert found["ppv"].value == pytest.approx(precision_score(frame.label, frame.decision))
    assert found["npv"].value == pytest.approx(precision_score(~frame.label, ~frame.decision))


def test_the_confusion_matrix_equals_scikit_learns(cases) -> None:
    frame = cases()
    (tn, fp), (fn, tp) = confusion_matrix(frame.label, frame.decision)
    assert metrics.confusion(frame) == {
        "true_positives": tp, "false_negatives": fn, "false_positives": fp, "true_negatives": tn,
    }  # fmt: skip


def test_few_positives_leave_counts_and_no_figures(cases, case: UseCase) -> None:
    frame = cases()
    frame["label"] = np.arange(len(frame)) < 9
    found = metrics.measure(frame, case.evaluate)
    unknown = {name for name, one in found.items() if one.value is None}
    assert unknown == set(MEASURES) - {"specificity", "ppv", "npv"}
    assert found["auroc"].note == "too few" and found["auroc"].positives == 9


def test_a_well_calibrated_model_has_slope_one_and_intercept_zero_within_the_intervals(cases, case: UseCase) -> None:
    frame = cases(4000, seed=3)
    slope, large = (f(frame, case.evaluate) for f in (calibration.calibration_slope, calibration.calibration_intercept))
    assert slope.low < 1 < slope.high and slope.high - slope.low < 0.2
    assert large.low < 0 < large.high


def test_the_slope_equals_an_unpenalised_logistic_regression(cases, case: UseCase) -> None:
    frame = cases(800)
    frame["score"] = frame["score"] ** 2
    logit = np.log(frame.score / (1 - frame.score)).to_numpy()[:, None]
    fitted = LogisticRegression(C=1e9, tol=1e-8).fit(logit, frame.label)
    assert calibration.calibration_slope(frame, case.evaluate).value == pytest.approx(fitted.coef_[0, 0], rel=1e-3)


def test_a_model_that_is_too_sure_has_a_slope_below_one_and_a_larger_error(cases, case: UseCase) -> None:
    frame = cases(1000)
    honest = metrics.measure(frame, case.evaluate)
    odds = (frame.score / (1 - frame.score)) ** 3
    sure = metrics.measure(frame.assign(score=odds / (1 + odds)), case.evaluate)
    assert sure["calibration_slope"].high < 0.5
    assert sure["calibration_error"].low > honest["calibration_error"].high
    assert sure["auroc"] == honest["auroc"]


def test_separable_classes_have_no_slope(cases, case: UseCase) -> None:
    frame = cases()
    frame["label"] = frame["score"] > 0.5
    assert calibration.calibration_slope(frame, case.evaluate).note == "not estimable"


def test_the_calibration_curve_counts_every_case_once(cases, case: UseCase) -> None:
    curve = calibration.calibration_curve(cases(), case.evaluate)
    assert len(curve) == case.evaluate.calibration_bins
    assert sum(point["n"] for point in curve) == 400
    assert all(point["low"] <= point["observed"] <= point["high"] for point in curve)


def test_scores_that_are_not_finite_are_refused(cases, case: UseCase) -> None:
    frame = cases()
    frame.loc[3, "score"] = np.nan
    with pytest.raises(ValueError, match="1 of 400 scores are not finite"):
        metrics.measure(frame, case.evaluate)


def test_the_same_cases_in_another_order_give_the_same_auroc_interval(cases, case: UseCase) -> None:
    frame = cases()
    shuffled = frame.sample(frac=1, random_state=0)
    first, second = (metrics.measure(one, case.evaluate)["auroc"] for one in (frame, shuffled))
    assert (first.low, first.high) == pytest.approx((second.low, second.high), rel=1e-12)


def test_the_calibration_error_of_an_honest_model_reaches_down_to_zero_and_says_what_chance_shows(
    cases, case: UseCase
) -> None:
    found = calibration.calibration_error_interval(cases(300), case.evaluate)
    assert found.low == 0.0 < found.value <= found.high
    by_chance = calibration.errors_by_chance(cases(300)["score"].to_numpy(), case.evaluate)
    assert by_chance.mean() == pytest.approx(found.value, abs=0.04)
    assert f"{by_chance.mean():.3f}" in found.note
