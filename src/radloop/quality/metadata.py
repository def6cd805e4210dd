"""How much is told without the picture? A classifier on metadata alone, asked before training and after it.

Metadata alone shows how much of a score could be a shortcut (a portable film means a sick patient). scikit-learn is
imported in the functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from radloop.intervals import Floats

Labels = npt.NDArray[np.bool_]

NUMBERS = ("age", "kvp", "exposure", "pixel_spacing", "rows", "columns")
CATEGORIES = ("sex", "view", "site", "manufacturer", "model_name", "acquisition_group", "photometric_interpretation")

#: A category seen in fewer training rows is "other": a rare value names a patient rather than a practice.
RAREST = 10
FOLDS = 5


@dataclass(frozen=True)
class Scores:
    """Scores [n] of the tested cases, higher for more likely positive, and how they came about."""

    values: Floats
    how: dict[str, Any]


def metadata_scores(train: pd.DataFrame, labels: Labels, test: pd.DataFrame, seed: int) -> Scores:
    """Log-odds of the test cases from what is known without the picture, by small boosted trees.

    A missing value is a category or branch of its own, for that a value is missing tells something too. Where
    nothing is known of any case all scores are 0. Raises ValueError for a single class.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    two_classes(labels)
    features, tested, names = _encoded(train, test)
    if not names:
        return Scores(np.zeros(len(test)), {"features": [], "rows": len(train)})
    model = HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.05, max_leaf_nodes=5, min_samples_leaf=min(20, max(2, len(train) // 10)),
        l2_regularization=1.0, early_stopping=False, random_state=seed,
        categorical_features=[name in CATEGORIES for name in names],
    )  # fmt: skip
    # on a busy machine the threads of so small a task wait for each other, 0.2 s becoming 10 s and more
    with threadpool_limits(1):
        values = np.asarray(model.fit(features, labels).decision_function(tested), dtype=float)
    return Scores(values, {"features": names, "rows": len(train)})


def cross_validated_scores(table: pd.DataFrame, labels: Labels, patients: npt.ArrayLike, seed: int) -> Floats | None:
    """`metadata_scores` of every case by a model that never saw its patient [n]; None where a fold lacks a class.

    Scores are ranked within their fold, in (0, 1), because models of different folds have no common scale.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    codes = np.unique(np.asarray(patients), return_inverse=True)[1].reshape(-1)
    folds = min(FOLDS, len(np.unique(codes[labels])), len(np.unique(codes[~labels])))
    if folds < 2:
        return None
    values = np.empty(len(table))
    for fit, held in StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(codes, labels, codes):
        if labels[fit].all() or not labels[fit].any():
            return None
        told = metadata_scores(table.iloc[fit], labels[fit], table.iloc[held], seed).values
        values[held] = pd.Series(told).rank().to_numpy() / (len(held) + 1)
    return values


def two_classes(labels: Labels) -> None:
    """Ask that a classifier has something to tell apart. Raises ValueError where not."""
    if labels.all() or not labels.any():
        raise ValueError(f"a classifier needs both classes; all {labels.size} training cases have one label")


def _encoded(train: pd.DataFrame, test: pd.DataFrame) -> tuple[Floats, Floats, list[str]]:
    columns: dict[str, tuple[Floats, Floats]] = {}
    for name in (name for name in NUMBERS if name in train and train[name].notna().any()):
        columns[name] = (_numbers(train[name]), _numbers(test[name]))
    for name in (name for name in CATEGORIES if name in train and train[name].notna().any()):
        counts = train[name].value_counts()
        levels = {level: code for code, level in enumerate(counts.index[counts >= RAREST][:250])}
        columns[name] = (_codes(train[name], levels), _codes(test[name], levels))
    # what never varies teaches nothing, and would be shown as if it had been used
    names = [name for name, (values, _) in columns.items() if len(np.unique(values)) > 1]
    empty = np.empty((0, 0))
    if not names:
        return empty, empty, []
    return np.column_stack([columns[n][0] for n in names]), np.column_stack([columns[n][1] for n in names]), names


def _numbers(values: pd.Series[Any]) -> Floats:
    return np.asarray(pd.to_numeric(values, errors="coerce"), dtype=float)


def _codes(values: pd.Series[Any], levels: dict[Any, int]) -> Floats:
    missing, other = len(levels), len(levels) + 1
    return np.array([missing if pd.isna(value) else levels.get(value, other) for value in values], dtype=float)
