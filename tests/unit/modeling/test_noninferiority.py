"""A cheaper network is accepted only where the whole interval of what it loses stays within the margin."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.modeling.noninferiority import compare_auroc, compare_dice

RANDOM = np.random.default_rng(0)
LABELS = np.arange(200) % 3 == 0
PATIENTS = np.arange(200) // 2
SCORES = LABELS + RANDOM.normal(0, 0.7, 200)
DICE = RANDOM.uniform(0.8, 0.95, 40)


def test_scores_that_are_hardly_rounded_are_accepted() -> None:
    found = compare_auroc(LABELS, PATIENTS, SCORES, np.round(SCORES, 2), 0.01)
    assert found.accepted and abs(found.difference.value) < 0.005
    assert found.full == pytest.approx(found.cheaper, abs=0.005)


def test_scores_that_have_lost_their_order_are_not() -> None:
    found = compare_auroc(LABELS, PATIENTS, SCORES, SCORES + np.random.default_rng(1).normal(0, 2, 200), 0.01)
    assert not found.accepted and found.difference.value < -0.1


def test_a_loss_that_may_be_larger_than_the_margin_is_not_accepted_though_its_estimate_is_smaller() -> None:
    few = slice(0, 24)
    shaken = SCORES[few] + np.random.default_rng(0).normal(0, 0.15, 24)
    found = compare_auroc(LABELS[few], PATIENTS[few], SCORES[few], shaken, 0.03)
    assert -0.03 < found.difference.value < 0 and found.difference.low < -0.03
    assert not found.accepted


def test_equal_scores_lose_nothing() -> None:
    found = compare_auroc(LABELS, PATIENTS, SCORES, SCORES, 0.001)
    assert found.accepted and found.difference.value == 0


def test_one_class_alone_is_not_accepted() -> None:
    found = compare_auroc(np.ones(20), np.arange(20), SCORES[:20], SCORES[:20], 0.01)
    assert not found.accepted and found.difference.note.startswith("too few")


def test_dice_is_compared_case_by_case() -> None:
    """The spread between cases is far wider than the margin, and says nothing of a paired difference."""
    near = DICE - RANDOM.uniform(0, 0.002, 40)
    found = compare_dice(DICE, near, np.arange(40), 0.005)
    assert found.accepted and found.difference.value == pytest.approx(-0.001, abs=5e-4)
    assert not compare_dice(DICE, DICE - 0.02, np.arange(40), 0.005).accepted
    assert compare_dice(DICE, DICE + 0.02, np.arange(40), 0.005).accepted


def test_cases_of_one_patient_are_no_new_evidence() -> None:
    loss = np.where(np.arange(40) < 20, 0.0, 0.004)
    apart = compare_dice(DICE, DICE - loss, np.arange(40), 0.005)
    together = compare_dice(DICE, DICE - loss, np.arange(40) // 20, 0.005)
    assert apart.accepted and not together.accepted


def test_dice_of_one_patient_is_not_accepted_and_of_none_is_no_error() -> None:
    assert not compare_dice(DICE, DICE, np.zeros(40), 0.01).accepted
    found = compare_dice([], [], [], 0.01)
    assert not found.accepted and found.full is None


def test_a_case_without_the_structure_is_refused() -> None:
    with pytest.raises(ValueError, match="no number"):
        compare_dice([0.9, np.nan], [0.9, 0.9], [1, 2], 0.01)
    with pytest.raises(ValueError, match="one each"):
        compare_dice([0.9], [0.9, 0.9], [1, 2], 0.01)


def test_the_figures_are_kept_with_the_verdict() -> None:
    kept = compare_dice(DICE, DICE - 0.001, np.arange(40), 0.01).to_json()
    assert kept["accepted"] and kept["margin"] == 0.01 and kept["metric"] == "mean Dice"
    assert kept["difference"]["clusters"] == 40 and kept["difference"]["low"] <= kept["difference"]["value"]
