"""Two plain classifiers that a network has to beat: one that sees no picture, one that sees a stamp of it.

Metadata alone shows how much of a score could be a shortcut (a portable film means a sick patient); a
support-vector machine on small pictures shows what needs no network. scikit-learn is imported in the functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from radloop.intervals import Floats
from radloop.params import Evaluate

Labels = npt.NDArray[np.bool_]
Pictures = npt.NDArray[np.uint8]

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

    _two_classes(labels)
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


def svm_scores(
    pictures: Pictures, labels: Labels, patients: npt.ArrayLike, tested: Pictures, section: Evaluate
) -> Scores:
    """Decision function of the tested pictures by a support-vector machine with a radial kernel.

    `pictures` and `tested` uint8 [n, s, s], averaged down to `svm_side`, each pixel standardised on the training
    cases; the cost is chosen by cross-validation that keeps each patient in one fold. The kernel is computed once
    for all fits. Raises ValueError for a single class.
    """
    from sklearn.svm import SVC

    _two_classes(labels)
    codes = np.unique(np.asarray(patients), return_inverse=True)[1].reshape(-1)
    kept = _whole_patients(codes, section.svm_rows, section.seed)
    codes, labels = codes[kept], labels[kept]
    train, test = _standardised(shrink(pictures[kept], section.svm_side), shrink(tested, section.svm_side))
    gamma = 1.0 / (train.shape[1] * max(float(train.var()), 1e-12))
    kernel = radial_kernel(train, train, gamma)
    cost = _best_cost(kernel, labels, codes, section)
    model = SVC(C=cost, kernel="precomputed", class_weight="balanced").fit(kernel, labels)
    values = np.asarray(model.decision_function(radial_kernel(test, train, gamma)), dtype=float)
    return Scores(values, {"side": section.svm_side, "cost": cost, "rows": len(labels)})


def shrink(pictures: Pictures, side: int) -> Floats:
    """Average pictures [n, h, w] down to [n, side * side], each pixel counting by its overlap."""
    rows, columns = (_overlap(size, side) for size in pictures.shape[1:])
    shrunk = [rows @ picture.astype(float) @ columns.T for picture in pictures]
    return np.array(shrunk).reshape(len(pictures), side * side)


def radial_kernel(a: Floats, b: Floats, gamma: float) -> Floats:
    """exp(-gamma * squared distance) between all rows of `a` [n, d] and `b` [m, d]."""
    distance = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    return np.asarray(np.exp(-gamma * np.maximum(distance, 0.0)), dtype=float)


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


def _overlap(size: int, side: int) -> Floats:
    """Weights [side, size] by which old pixels make new ones; each row adds up to 1."""
    edges = np.linspace(0, size, side + 1)
    starts = np.arange(size)
    covered = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    weights: Floats = np.maximum(covered, 0.0) * side / size
    return weights


def _standardised(train: Floats, test: Floats) -> tuple[Floats, Floats]:
    mean, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
    return (train - mean) / spread, (test - mean) / spread


def _whole_patients(codes: npt.NDArray[np.intp], rows: int, seed: int) -> npt.NDArray[np.intp]:
    if codes.size <= rows:
        return np.arange(codes.size)
    turn = np.random.default_rng(seed).permutation(int(codes.max()) + 1)[codes]
    order = np.argsort(turn, kind="stable")
    cut = turn[order[rows]]
    return np.sort(order[turn[order] < cut])


def _best_cost(kernel: Floats, labels: Labels, codes: npt.NDArray[np.intp], section: Evaluate) -> float:
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.svm import SVC

    folds = min(FOLDS, len(np.unique(codes[labels])), len(np.unique(codes[~labels])))
    if folds < 2 or len(section.svm_costs) == 1:
        return section.svm_costs[0]
    splits = list(StratifiedGroupKFold(folds, shuffle=True, random_state=section.seed).split(kernel, labels, codes))
    splits = [(fit, held) for fit, held in splits if 0 < labels[held].sum() < held.size and labels[fit].any()]

    def quality(cost: float) -> float:
        scores = [
            roc_auc_score(
                labels[held],
                SVC(C=cost, kernel="precomputed", class_weight="balanced")
                .fit(kernel[np.ix_(fit, fit)], labels[fit])
                .decision_function(kernel[np.ix_(held, fit)]),
            )
            for fit, held in splits
        ]
        return float(np.mean(scores)) if scores else 0.0

    return max(section.svm_costs, key=quality)


def _two_classes(labels: Labels) -> None:
    if labels.all() or not labels.any():
        raise ValueError(f"a classifier needs both classes; all {labels.size} training cases have one label")
