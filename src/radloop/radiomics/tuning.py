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


class Tuned(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Of every selection with every setting of every classifier, the one of the best mean AUROC over inner folds.

    A selection is fitted once per inner fold, on its training rows, and serves all classifiers there, which is what
    makes many of them affordable. After `fit`, `best_` has for each classifier its inner AUROC, selection and setting,
    `models_` its pipeline fitted on all rows, and `chosen_` the best one's name, which answers `decision_function`.
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
        scores = self._inner(frame, known, patients)
        self.best_: dict[str, tuple[float, str, int]] = {}
        for (selection, name, setting), value in scores.items():
            if name not in self.best_ or value > self.best_[name][0]:
                self.best_[name] = value, selection, setting
        fitted = {selection: clone(self.selections[selection]) for selection in {b[1] for b in self.best_.values()}}
        chosen = {selection: steps.fit_transform(frame, known) for selection, steps in fitted.items()}
        self.models_: dict[str, Pipeline] = {}
        for name, (_, selection, setting) in self.best_.items():
            last = self._classifier(name, setting).fit(chosen[selection], known)
            self.models_[name] = Pipeline([("select", fitted[selection]), ("classify", last)])
        self.chosen_ = max(self.best_, key=lambda name: self.best_[name][0])
        return self

    def scores(self, frame: pd.DataFrame) -> dict[str, Floats]:
        """What each classifier says of the rows [n], higher for true; the scales differ."""
        return {name: _decide(model, frame) for name, model in self.models_.items()}

    def decision_function(self, frame: pd.DataFrame) -> Floats:
        """What the chosen classifier says of the rows [n]."""
        return _decide(self.models_[self.chosen_], frame)

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """What the chosen classifier takes for true."""
        return np.asarray(self.models_[self.chosen_].predict(frame), dtype=bool)

    def _inner(
        self, frame: pd.DataFrame, labels: npt.NDArray[np.bool_], patients: npt.NDArray[Any]
    ) -> dict[tuple[str, str, int], float]:
        """Mean inner AUROC by selection, classifier and setting; where nothing is to be chosen, none is fitted."""
        asked = [
            (selection, name, setting)
            for selection in self.selections
            for name, choice in self.choices.items()
            for setting in range(len(choice.settings))
        ]
        if len(asked) == 1:
            return {asked[0]: np.nan}
        found: dict[tuple[str, str, int], list[float]] = {one: [] for one in asked}
        for fit, held in deal(labels, patients, self.folds, self.seed):
            for selection, steps in self.selections.items():
                own = clone(steps)
                taught, tested = own.fit_transform(frame.iloc[fit], labels[fit]), own.transform(frame.iloc[held])
                for one in (one for one in asked if one[0] == selection):
                    said = _decide(self._classifier(*one[1:]).fit(taught, labels[fit]), tested)
                    found[one].append(float(univariate_auroc(said[:, None], labels[held])[0]))
        return {one: float(np.mean(values)) for one, values in found.items()}

    def _classifier(self, name: str, setting: int) -> BaseEstimator:
        choice = self.choices[name]
        return clone(choice.classifier).set_params(**choice.settings[setting])


def _decide(model: BaseEstimator, frame: pd.DataFrame) -> Floats:
    if hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(frame), dtype=float)
    return np.asarray(model.predict_proba(frame)[:, 1], dtype=float)
