"""Selection and classifier chosen together by cross-validation inside the training rows, as one estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline

from radloop.intervals import Floats
from radloop.radiomics.classifiers import Choice
from radloop.radiomics.dealing import deal
from radloop.radiomics.selection import univariate_auroc, with_labels
from radloop.radiomics.table import Labels

Asked = tuple[str, str, int]  # selection, classifier, and which of its settings


class Tuned(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Every classifier with the selection and setting of its best mean AUROC over inner folds; all of them vote.

    A selection is fitted once per inner fold, on its training rows, and serves all classifiers there, which is what
    makes many of them affordable. After `fit`, `best_` has for each classifier its inner AUROC, selection and setting,
    `models_` its pipeline fitted on all rows, and `chosen_` the name of the best. They vote because on a hundred
    patients inner folds hardly tell which classifier is best; a vote is the share of inner held-out scores below.
    Patients (`groups`) never cross inner folds.
    """

    def __init__(
        self, selections: Mapping[str, Pipeline], choices: Mapping[str, Choice], folds: int = 3, seed: int = 0
    ) -> None:
        self.selections = selections
        self.choices = choices
        self.folds = folds
        self.seed = seed

    def fit(self, frame: pd.DataFrame, labels: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Self:
        """Choose, then fit each classifier's best on all rows. Raises ConfigurationError as `deal` does."""
        known = with_labels(np.asarray(labels).astype(bool))
        patients = np.arange(len(known)) if groups is None else np.asarray(groups)
        self.classes_ = np.array([False, True])
        self.best_: dict[str, tuple[float, str, int]] = {}
        self.held_: dict[str, Floats] = {}
        for (selection, name, setting), (quality, held) in self._inner(frame, known, patients).items():
            if name not in self.best_ or quality > self.best_[name][0]:
                self.best_[name], self.held_[name] = (quality, selection, setting), held
        self.models_ = self._refitted(frame, known)
        self.chosen_ = max(self.best_, key=lambda name: self.best_[name][0])
        return self

    def scores(self, frame: pd.DataFrame) -> dict[str, Floats]:
        """What each classifier says of the rows [n], higher for true; the scales differ."""
        return {name: _decide(model, frame) for name, model in self.models_.items()}

    def decision_function(self, frame: pd.DataFrame) -> Floats:
        """The mean vote on the rows [n], from 0 to 1; the score itself where there is one classifier."""
        return self.vote(self.scores(frame))

    def vote(self, scores: Mapping[str, Floats]) -> Floats:
        """The mean over classifiers of where each score lies among those of inner held-out rows."""
        if len(scores) == 1:
            return next(iter(scores.values()))
        votes = [_share_below(self.held_[name], values) for name, values in scores.items()]
        return np.asarray(np.mean(votes, axis=0), dtype=float)

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """What most classifiers take for true."""
        said = [np.asarray(model.predict(frame), dtype=bool) for model in self.models_.values()]
        most: npt.NDArray[np.bool_] = np.mean(said, axis=0) > 0.5
        return most

    def _refitted(self, frame: pd.DataFrame, labels: Labels) -> dict[str, Pipeline]:
        """Each classifier's best, on all rows; those of one selection share it."""
        fitted = {selection: clone(self.selections[selection]) for _, selection, _ in self.best_.values()}
        kept = {selection: steps.fit_transform(frame, labels) for selection, steps in fitted.items()}
        return {
            name: Pipeline([
                ("select", fitted[selection]),
                ("classify", self._classifier(name, setting).fit(kept[selection], labels)),
            ])
            for name, (_, selection, setting) in self.best_.items()
        }  # fmt: skip

    def _inner(
        self, frame: pd.DataFrame, labels: Labels, patients: npt.NDArray[Any]
    ) -> dict[Asked, tuple[float, Floats]]:
        """Mean inner AUROC and held-out scores of all that is asked; where nothing is to be chosen, none is fitted."""
        asked = [
            (selection, name, setting)
            for selection in self.selections
            for name, choice in self.choices.items()
            for setting in range(len(choice.settings))
        ]
        if len(asked) == 1:
            return {asked[0]: (np.nan, np.zeros(0))}
        quality: dict[Asked, list[float]] = {one: [] for one in asked}
        held_out: dict[Asked, list[Floats]] = {one: [] for one in asked}
        for fit, held in deal(labels, patients, self.folds, self.seed):
            for selection, steps in self.selections.items():
                own = clone(steps)
                taught, tested = own.fit_transform(frame.iloc[fit], labels[fit]), own.transform(frame.iloc[held])
                for one in (one for one in asked if one[0] == selection):
                    said = _decide(self._classifier(*one[1:]).fit(taught, labels[fit]), tested)
                    quality[one].append(float(univariate_auroc(said[:, None], labels[held])[0]))
                    held_out[one].append(said)
        return {one: (float(np.mean(quality[one])), np.concatenate(held_out[one])) for one in asked}

    def _classifier(self, name: str, setting: int) -> BaseEstimator:
        choice = self.choices[name]
        return clone(choice.classifier).set_params(**choice.settings[setting])


def _decide(model: BaseEstimator, frame: pd.DataFrame) -> Floats:
    if hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(frame), dtype=float)
    return np.asarray(model.predict_proba(frame)[:, 1], dtype=float)


def _share_below(reference: Floats, values: Floats) -> Floats:
    ordered = np.sort(reference)
    both = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return np.asarray(both / (2 * len(ordered)), dtype=float)
