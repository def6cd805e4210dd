"""Which features stay: transformers that learn from the rows they are fitted on, and from no other.

Each takes a pandas frame [n, p] and returns one with fewer columns, so that they stand in a scikit-learn pipeline
inside cross-validation, where selection belongs: chosen on all rows, features of pure noise predict their labels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, TransformerMixin

from radloop.errors import ConfigurationError
from radloop.intervals import Floats


class Selector(TransformerMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """A transformer that keeps some columns, `kept_`; what it keeps is decided by `choose`."""

    kept_: list[str]

    @abstractmethod
    def choose(self, frame: pd.DataFrame, labels: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
        """Which of the columns stay, bool [p]."""

    def fit(self, frame: pd.DataFrame, labels: npt.ArrayLike | None = None) -> Self:
        """Decide on these rows."""
        known = None if labels is None else np.asarray(labels).astype(bool)
        self.kept_ = list(frame.columns[self.choose(frame, known)])
        return self

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The columns that stay."""
        return frame[self.kept_]

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:
        """Names of the columns that stay."""
        return np.asarray(self.kept_, dtype=object)


class Usable(Selector):
    """Drops columns that say nothing, and fills the gaps of the others by the training rows' median.

    A column goes where more than the share `missing` of it is NaN or infinite, or where one value makes up the share
    `constant`. Columns in `carry`, such as the scanner, pass untouched. More than `most_missing` of the columns
    missing too often is no table to learn from. Raises ConfigurationError for that, and where no column is left.
    """

    def __init__(
        self, missing: float = 0.2, constant: float = 0.95, most_missing: float = 0.5, carry: tuple[str, ...] = ()
    ) -> None:
        self.missing = missing
        self.constant = constant
        self.most_missing = most_missing
        self.carry = carry

    def choose(self, frame: pd.DataFrame, labels: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
        """Neither missing too often nor near constant."""
        carried = frame.columns.isin(self.carry)
        values = _finite(frame.loc[:, ~carried])
        gone = np.isnan(values).mean(axis=0) > self.missing
        if gone.size and gone.mean() > self.most_missing:
            raise ConfigurationError(
                f"{gone.sum()} of {gone.size} features are missing in more than {self.missing:.0%} of the rows; at "
                f"most {self.most_missing:.0%} of them may be",
                "extract them again, or raise `missing` or `most_missing`",
            )
        stay = ~gone & ~_near_constant(values, self.constant)
        if not stay.any():
            raise ConfigurationError("every feature is missing or near constant", "look at how they were extracted")
        kept: npt.NDArray[np.bool_] = carried.copy()
        kept[~carried] = stay
        self.fill_ = pd.Series(np.nanmedian(values[:, stay], axis=0), frame.columns[~carried][stay])
        return kept

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Columns that stay, without gaps."""
        values = _finite(frame[self.fill_.index])
        values = np.where(np.isnan(values), self.fill_.to_numpy(), values)
        filled = pd.DataFrame(values, frame.index, self.fill_.index)
        carried = {name: frame[name] for name in self.kept_ if name in self.carry}
        return filled.assign(**carried)[self.kept_]


class NotRedundant(Selector):
    """Keeps one column for each cluster that says the same: Spearman's |rho| of at least `rho` with the one kept.

    The column that stands for most others comes first, and those are gone; so no two kept ones are that alike, and
    each that went is that like a kept one. Labels are not looked at.
    """

    def __init__(self, rho: float = 0.9) -> None:
        self.rho = rho

    def choose(self, frame: pd.DataFrame, labels: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
        """The one of each cluster."""
        ranks = rankdata(frame.to_numpy(float), axis=0)
        ranks -= ranks.mean(axis=0)
        ranks /= np.maximum(np.sqrt((ranks**2).sum(axis=0)), 1e-12)
        alike = np.abs(ranks.T @ ranks) >= self.rho
        np.fill_diagonal(alike, True)
        kept, left = np.zeros(len(alike), bool), np.ones(len(alike), bool)
        degree = alike.sum(axis=1)
        while left.any():
            one = int(np.argmax(np.where(left, degree, -1)))
            kept[one] = True
            gone = alike[one] & left
            left &= ~gone
            degree = degree - alike[:, gone].sum(axis=1)
        return kept


class Strongest(Selector):
    """Keeps the `most` columns whose AUROC alone lies furthest from a half."""

    def __init__(self, most: int = 30) -> None:
        self.most = most

    def choose(self, frame: pd.DataFrame, labels: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
        """The strongest."""
        strength = np.abs(univariate_auroc(frame.to_numpy(float), with_labels(labels)) - 0.5)
        kept = np.zeros(strength.size, bool)
        kept[np.argsort(-strength, kind="stable")[: self.most]] = True
        return kept


def univariate_auroc(values: Floats, labels: npt.NDArray[np.bool_]) -> Floats:
    """AUROC of each column of `values` [n, p], ties counting half."""
    positives, negatives = int(labels.sum()), int((~labels).sum())
    above = rankdata(values, axis=0)[labels].sum(axis=0) - positives * (positives + 1) / 2
    return np.asarray(above / (positives * negatives), dtype=float)


def with_labels(labels: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
    """The labels, where there are both kinds; raises ConfigurationError otherwise."""
    if labels is None or labels.all() or not labels.any():
        raise ConfigurationError("the rows to select on are of one class only", "give cases of both classes")
    return labels


def _finite(frame: pd.DataFrame) -> Floats:
    values = frame.to_numpy(float, copy=True)
    values[~np.isfinite(values)] = np.nan
    return values


def _near_constant(values: Floats, share: float) -> npt.NDArray[np.bool_]:
    """Whether one value makes up the share: then a sorted column holds it that many rows apart."""
    rows = len(values)
    run = min(max(int(np.ceil(share * rows)), 2), rows)
    ordered = np.sort(values, axis=0)
    same: npt.NDArray[np.bool_] = (ordered[run - 1 :] == ordered[: rows - run + 1]).any(axis=0)
    return same
