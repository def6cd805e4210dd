"""The classifiers that are tried on features, each with the few knobs that inner cross-validation chooses from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from radloop.radiomics.harmonise import ComBat
from radloop.radiomics.reproducible import Reproducible
from radloop.radiomics.selection import NotRedundant, Strongest, Usable
from radloop.radiomics.stability_selection import StabilitySelection

COSTS = (0.01, 0.1, 1.0)


@dataclass(frozen=True)
class Choice:
    """A classifier and the settings that are tried of it; one setting means nothing to choose."""

    classifier: BaseEstimator
    settings: Sequence[Mapping[str, Any]] = ({},)


def classifiers(seed: int = 0) -> dict[str, Choice]:
    """Penalised logistic regression, gradient boosted trees and a support-vector machine, by name.

    Classes weigh alike, as a rare outcome would otherwise be left to the intercept. The trees are few and small:
    tables of a hundred patients are what they are for.
    """
    trees = HistGradientBoostingClassifier(
        learning_rate=0.1, max_iter=40, min_samples_leaf=5, l2_regularization=1.0, early_stopping=False,
        class_weight="balanced", random_state=seed,
    )  # fmt: skip
    return {
        "logistic": logistic(),
        "trees": Choice(trees, [{"max_leaf_nodes": leaves} for leaves in (2, 6)]),
        "svm": Choice(SVC(class_weight="balanced"), [{"C": cost} for cost in (0.1, 1.0, 10.0)]),
    }


def logistic() -> Choice:
    """Logistic regression with a quadratic penalty."""
    model = LogisticRegression(class_weight="balanced", max_iter=500)
    return Choice(model, [{"C": cost} for cost in COSTS])


def forest(seed: int = 0, trees: int = 300) -> Choice:
    """A random forest as it comes."""
    return Choice(RandomForestClassifier(trees, class_weight="balanced", random_state=seed))


def plain() -> Pipeline:
    """What every table needs before any classifier: gaps filled, features on one scale."""
    return make_pipeline(Usable(), StandardScaler().set_output(transform="pandas"))


def selections(
    seed: int = 0,
    scanner: str | None = None,
    preserve: tuple[str, ...] = (),
    measured: pd.DataFrame | None = None,
) -> dict[str, Pipeline]:
    """Two ways from a table to few features; which one serves better is chosen like any other knob.

    `filtered` keeps what is usable, not redundant and strong; `stable` then selects by stability. Where `scanner`
    names a column, ComBat comes before anything looks at likeness or labels; where features were `measured` under
    perturbed masks (`icc_table`), those that do not repeat go as well.
    """

    def steps() -> list[BaseEstimator]:
        harmonise = [] if scanner is None else [ComBat(scanner, preserve)]
        carry = () if scanner is None else (scanner, *preserve)
        repeat = [] if measured is None else [Reproducible(measured, carry=preserve)]
        scale = StandardScaler().set_output(transform="pandas")
        return [Usable(carry=carry), *harmonise, *repeat, scale, NotRedundant(), Strongest()]

    return {
        "filtered": make_pipeline(*steps()),
        "stable": make_pipeline(*steps(), StabilitySelection(seed=seed)),
    }
