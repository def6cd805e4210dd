"""A model against others on the same cases, paired, with patients as the unit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy.typing as npt
import pandas as pd

from radloop.intervals import Interval, auroc_interval, paired_auroc_difference

COMPARISON_COLUMNS = (
    "scorer", "n", "positives", "patients", "auroc", "low", "high",
    "difference", "difference_low", "difference_high", "p_value",
)  # fmt: skip


def beats(difference: Interval, margin: float) -> bool:
    """Whether the paired interval of model minus baseline lies above `margin`.

    A margin below 0 forgives the width of an interval on few cases, never a model that is worse: then the point
    estimate must lie above 0 as well. An unknown difference beats nothing.
    """
    if difference.value is None or difference.low is None:
        return False
    return difference.low > margin and (margin >= 0 or difference.value > 0)


def out_of_fold_comparison(
    labels: npt.ArrayLike,
    clusters: npt.ArrayLike,
    scores: Mapping[str, npt.ArrayLike],
    level: float = 0.95,
    comparison_level: float = 0.90,
) -> pd.DataFrame:
    """The first scorer against each other one on out-of-fold scores of the same cases.

    `labels` bool [n], `clusters` the patient of each case [n], `scores` name to [n] (for example network, svm,
    metadata). Returns one row per scorer with COMPARISON_COLUMNS: AUROC with its interval at `level`, and the first
    scorer's AUROC minus this one's with its paired interval at `comparison_level` and p-value.
    Scores of different folds come from different models and are pooled: rank them within folds before, where
    their scales differ. Raises ValueError as `intervals.delong` does, and for no scorer.
    """
    if not scores:
        raise ValueError("no scores to compare: pass at least the model's")
    first = next(iter(scores))
    rows = []
    for name, values in scores.items():
        own = auroc_interval(labels, values, clusters, level)
        gap = (
            None
            if name == first
            else paired_auroc_difference(labels, scores[first], values, clusters, comparison_level)
        )
        rows.append({
            "scorer": name, "n": own.n, "positives": own.positives, "patients": own.clusters,
            "auroc": own.value, "low": own.low, "high": own.high,
            "difference": gap and gap.value, "difference_low": gap and gap.low,
            "difference_high": gap and gap.high, "p_value": gap and gap.p_value,
        })  # fmt: skip
    return pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS))
