"""Nested cross-validation: every score is by a model whose features, settings and weights never saw the patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.base import clone

from radloop.intervals import Floats, Interval, auroc_interval
from radloop.radiomics.dealing import deal
from radloop.radiomics.selection import univariate_auroc
from radloop.radiomics.table import FeatureTable, Labels, permuted
from radloop.radiomics.tuning import Tuned

OURS = "ours"


@dataclass(frozen=True)
class Nesting:
    """How often a table is dealt and into how many folds; each repeat deals anew."""

    folds: int = 5
    repeats: int = 5
    seed: int = 0


@dataclass
class OutOfFold:
    """Scores by model name [repeats, n], as shares of their rank within the fold, and what the best were.

    Ranks, because each fold has a model of its own and scales differ between models.
    """

    ranks: dict[str, Floats] = field(default_factory=dict)
    chosen: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)

    def score(self, name: str) -> Floats:
        """One score per case [n]: the mean over repeats."""
        return np.asarray(self.ranks[name].mean(axis=0), dtype=float)

    def mean_auroc(self, name: str, labels: Labels) -> float:
        """The AUROC of a single repeat, mean over repeats: what one model is worth, where `score` averages several."""
        return float(univariate_auroc(self.ranks[name].T, labels).mean())


def out_of_fold(
    table: FeatureTable, models: Mapping[str, Tuned], nesting: Nesting, done: Callable[[int], None] = lambda more: None
) -> OutOfFold:
    """Scores of all models on the same folds; `done` is told of each fold that is done.

    A model of several classifiers gives its vote under its own name, a score for each, named "model: classifier",
    and "model: best", that of the classifier it chose in each fold. Raises ConfigurationError as `deal` does.
    """
    found = OutOfFold()
    for repeat in range(nesting.repeats):
        dealt = deal(table.labels, table.patients, nesting.folds, nesting.seed + repeat)
        for fit, held in dealt:
            for name, model in models.items():
                fitted = clone(model).fit(table.features.iloc[fit], table.labels[fit], groups=table.patients[fit])
                for scorer, scores in _named(name, fitted, table.features.iloc[held]).items():
                    ranks = found.ranks.setdefault(scorer, np.full((nesting.repeats, len(table.labels)), np.nan))
                    ranks[repeat, held] = rankdata(scores) / (len(held) + 1)
                _count(found, name, fitted)
            done(1)
    return found


def permuted_auroc(
    table: FeatureTable, model: Tuned, nesting: Nesting, done: Callable[[int], None] = lambda more: None
) -> Interval:
    """The AUROC of the whole procedure on labels dealt anew for each repeat: half, or something leaks.

    The repeats are pooled as cases of the same patients. Raises ConfigurationError as `deal` does.
    """
    labels, scores = [], []
    for repeat in range(nesting.repeats):
        shuffled = permuted(table, nesting.seed + 1000 + repeat)
        once = Nesting(nesting.folds, 1, nesting.seed + repeat)
        scores.append(out_of_fold(shuffled, {OURS: model}, once, done).score(OURS))
        labels.append(shuffled.labels)
    patients = np.tile(table.patients, nesting.repeats)
    return auroc_interval(np.concatenate(labels), np.concatenate(scores), patients)


def _named(name: str, fitted: Tuned, held: pd.DataFrame) -> dict[str, Floats]:
    scores = fitted.scores(held)
    voted = {name: fitted.vote(scores)}
    if len(scores) == 1:
        return voted
    each = {f"{name}: {own}": values for own, values in scores.items()}
    return {**voted, f"{name}: best": scores[fitted.chosen_], **each}


def _count(found: OutOfFold, name: str, fitted: Tuned) -> None:
    """Remember what was best, and which features it looks at."""
    if len(fitted.models_) == 1:
        return
    _, selection, _ = fitted.best_[fitted.chosen_]
    key = f"{selection} {fitted.chosen_}"
    found.chosen[key] = found.chosen.get(key, 0) + 1
    for feature in fitted.models_[fitted.chosen_][0][-1].get_feature_names_out():
        found.kept[feature] = found.kept.get(feature, 0) + 1
