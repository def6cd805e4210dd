"""A plain classifier that a network has to beat: a support-vector machine on a stamp of the picture.

It shows what needs no network; what needs no picture is shown by `quality.metadata`. scikit-learn is imported in
the functions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radloop.intervals import Floats
from radloop.params import Evaluate
from radloop.quality.metadata import Labels, Scores, two_classes

Pictures = npt.NDArray[np.uint8]

FOLDS = 5


def svm_scores(
    pictures: Pictures, labels: Labels, patients: npt.ArrayLike, tested: Pictures, section: Evaluate
) -> Scores:
    """Decision function of the tested pictures by a support-vector machine with a radial kernel.

    `pictures` and `tested` uint8 [n, s, s], averaged down to `svm_side`, each pixel standardised on the training
    cases; the cost is chosen by cross-validation that keeps each patient in one fold. The kernel is computed once
    for all fits. Raises ValueError for a single class.
    """
    from sklearn.svm import SVC

    two_classes(labels)
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
