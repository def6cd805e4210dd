"""Who beats whom."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.evaluation.comparison import COMPARISON_COLUMNS, beats, out_of_fold_comparison
from radloop.intervals import Interval, paired_auroc_difference


def difference(value: float | None, low: float | None) -> Interval:
    high = None if value is None else 2 * value - low
    return Interval(value, low, high, 100, 50, "paired clustered DeLong", 80, 0.90)


@pytest.mark.parametrize(
    ("value", "low", "margin", "expected"),
    [
        (0.05, 0.01, 0.0, True),
        (0.05, -0.001, 0.0, False),
        (0.02, -0.01, -0.02, True),  # few cases: the width is forgiven
        (-0.005, -0.015, -0.02, False),  # being worse is not
        (0.02, -0.03, -0.02, False),
        (0.05, 0.01, 0.02, False),
        (None, None, -0.02, False),
    ],
)
def test_beating_means_an_interval_above_the_margin(value, low, margin: float, expected: bool) -> None:
    assert beats(difference(value, low), margin) is expected


def test_the_table_pairs_the_first_scorer_with_each_other(cases) -> None:
    frame = cases(600)
    random = np.random.default_rng(0)
    scores = {"network": frame.score, "svm": frame.score + random.normal(0, 0.3, 600), "metadata": random.random(600)}
    table = out_of_fold_comparison(frame.label, frame.patient_id, scores).set_index("scorer")
    assert list(table.reset_index().columns) == list(COMPARISON_COLUMNS)
    expected = paired_auroc_difference(frame.label, frame.score, scores["svm"], frame.patient_id)
    found = table.loc["svm"]
    assert (found.difference, found.difference_low) == pytest.approx((expected.value, expected.low))
    assert np.isnan(table.loc["network", "difference"])
    assert table.loc["metadata", "difference_low"] > 0.2
    assert table.loc["network", "patients"] == 300


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(ValueError, match="no scores to compare"):
        out_of_fold_comparison([1, 0], [1, 2], {})
