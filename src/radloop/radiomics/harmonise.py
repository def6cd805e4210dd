"""Features of several scanners made comparable: ComBat (Johnson 2007; Fortin 2018), learned from training rows only.

Code of our own, because combatlearn 2.3 shrinks a feature's shift towards its mean over scanners where the method
shrinks it towards the scanner's mean over features, wants every label when it is made and so cannot serve a new
patient, refuses scanners that it has not seen, and brings umap and seaborn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from radloop.errors import ConfigurationError
from radloop.intervals import Floats

TOLERANCE = 1e-6  # largest relative change of an estimate that counts as settled


@dataclass(frozen=True, eq=False)
class Adjustment:
    """What one scanner does to each feature [p], in units of its spread within scanners: shift, and variance."""

    shift: Floats
    variance: Floats


class ComBat(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Takes out each scanner's shift and spread, shrunk towards what its other features show (empirical Bayes).

    Frames have the scanner in column `batch` and, in the columns `preserve`, numbers whose effect stays, such as age:
    never the outcome, which nobody knows of a new patient. The batch column is dropped, the preserved ones pass.
    A scanner with fewer than `smallest` rows is not learned from, and its rows count as of an unseen one.
    The rule for an unseen scanner: its rows are left as they are (`unseen="leave"`), or refused. Estimating it from
    the rows at hand would let a patient's result depend on who else is asked about; `learn_scanner` does so once, on
    purpose, and is kept. Raises ConfigurationError for missing columns, features that are not finite, and a
    scanner that cannot be told from what is preserved.
    """

    def __init__(
        self, batch: str = "scanner", preserve: tuple[str, ...] = (), smallest: int = 5,
        unseen: Literal["leave", "refuse"] = "leave",
    ) -> None:  # fmt: skip
        self.batch = batch
        self.preserve = preserve
        self.smallest = smallest
        self.unseen = unseen

    def fit(self, frame: pd.DataFrame, labels: Any = None) -> Self:
        """Learn from these rows; labels are not looked at."""
        self.features_ = [name for name in frame.columns if name not in (self.batch, *self.preserve)]
        scanners, covariates, values = self._parts(frame)
        counts = scanners.value_counts()
        levels = sorted(counts.index[counts >= self.smallest], key=str)
        known = scanners.isin(levels).to_numpy() if levels else np.ones(len(frame), bool)
        codes = pd.Categorical(scanners[known], levels).codes if levels else np.zeros(len(frame), int)
        self._standardise(np.asarray(codes), covariates[known], values[known])
        scaled = (values - self._expected(covariates)) / self.spread_
        self.scanners_ = {
            level: _adjustment(scaled[(scanners == level).to_numpy()]) for level in (levels if len(levels) > 1 else ())
        }
        return self

    def learn_scanner(self, frame: pd.DataFrame) -> Self:
        """Add the one scanner of these rows, whose outcomes need not be known: its shift, and no change of spread.

        Shift alone, because a spread estimated on another mix of patients would make disease vanish. Raises
        ConfigurationError for several scanners, a known one, and fewer than `smallest` rows.
        """
        scanners, covariates, values = self._parts(frame)
        if scanners.nunique(dropna=False) != 1 or len(frame) < self.smallest:
            raise ConfigurationError(
                f"{len(frame)} rows of {scanners.nunique(dropna=False)} scanners to learn one from",
                f"give at least {self.smallest} rows of one scanner",
            )
        if scanners.iloc[0] in self.scanners_:
            raise ConfigurationError("this scanner is known from training", "fit anew to learn it again")
        scaled = (values - self._expected(covariates)) / self.spread_
        shift = _shrunk(scaled.mean(axis=0), len(scaled), np.ones(scaled.shape[1]))
        self.scanners_[scanners.iloc[0]] = Adjustment(shift, np.ones(scaled.shape[1]))
        return self

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Features without what their scanner adds, [n, p] and the preserved columns."""
        scanners, covariates, values = self._parts(frame)
        unseen = int((~scanners.isin(list(self.scanners_))).sum())
        if unseen and self.unseen == "refuse":
            raise ConfigurationError(
                f"{unseen} of {len(frame)} rows are of a scanner that was not learned from",
                "learn it by `learn_scanner`, or leave such rows as they are: unseen='leave'",
            )
        expected = self._expected(covariates)
        scaled = (values - expected) / self.spread_
        harmonised = values.copy()
        for level, found in self.scanners_.items():
            rows = (scanners == level).to_numpy()
            own = (scaled[rows] - found.shift) / np.sqrt(found.variance)
            harmonised[rows] = own * self.spread_ + expected[rows]
        told = pd.DataFrame(harmonised, frame.index, self.features_)
        return told.assign(**{name: frame[name] for name in self.preserve})

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:
        """Names of the columns that come out."""
        return np.asarray([*self.features_, *self.preserve], dtype=object)

    def _parts(self, frame: pd.DataFrame) -> tuple[pd.Series[Any], Floats, Floats]:
        if absent := [name for name in (self.batch, *self.preserve, *self.features_) if name not in frame]:
            raise ConfigurationError(f"no column {absent[0]} to harmonise by", "give batch, preserve and all features")
        values, covariates = frame[self.features_].to_numpy(float), frame[list(self.preserve)].to_numpy(float)
        if not (np.isfinite(values).all() and np.isfinite(covariates).all()):
            raise ConfigurationError("features or preserved columns are not finite", "let Usable come before ComBat")
        return frame[self.batch], covariates, values

    def _standardise(self, codes: npt.NDArray[np.intp], covariates: Floats, values: Floats) -> None:
        """Mean over scanners, effects of the covariates, and spread within scanners [p]."""
        dummies = np.eye(int(codes.max()) + 1)[codes]
        design = np.hstack([dummies, covariates])
        effects, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
        if rank < design.shape[1]:
            raise ConfigurationError(
                f"the scanner cannot be told from {', '.join(self.preserve)}: they go together in every row",
                "preserve less, or leave such scanners out",
            )
        self.mean_ = dummies.mean(axis=0) @ effects[: dummies.shape[1]]
        self.effects_ = effects[dummies.shape[1] :]
        spread = np.sqrt(((values - design @ effects) ** 2).mean(axis=0))
        self.spread_ = np.where(spread > 1e-12 * np.maximum(np.abs(self.mean_), 1e-300), spread, 1.0)

    def _expected(self, covariates: Floats) -> Floats:
        return np.asarray(self.mean_ + covariates @ self.effects_, dtype=float)


def _adjustment(scaled: Floats) -> Adjustment:
    """Shift and variance of one scanner's standardised rows [n, p], each given the other until both settle.

    Priors: the shift normal, the variance inverse gamma, by the moments of the p estimates (Johnson 2007, 3.2).
    """
    rows, variance = len(scaled), scaled.var(axis=0, ddof=1)
    raw = scaled.mean(axis=0)
    centre, width = float(variance.mean()), float(variance.var(ddof=1)) if variance.size > 1 else 0.0
    if width <= 1e-12 * max(centre, 1e-300) ** 2:  # features that all spread alike leave nothing to shrink
        return Adjustment(_shrunk(raw, rows, np.maximum(variance, 1e-12)), np.maximum(variance, 1e-12))
    shape, scale = (2 * width + centre**2) / width, (centre * width + centre**3) / width
    shift, change = raw, 1.0
    while change > TOLERANCE:
        before = np.concatenate([shift, variance])
        shift = _shrunk(raw, rows, variance)
        variance = (0.5 * ((scaled - shift) ** 2).sum(axis=0) + scale) / (rows / 2 + shape - 1)
        now = np.concatenate([shift, variance])
        change = float((np.abs(now - before) / np.maximum(np.abs(before), 1e-6)).max())
    return Adjustment(shift, variance)


def _shrunk(raw: Floats, rows: int, variance: Floats) -> Floats:
    """The posterior mean of each feature's shift."""
    if raw.size < 2:  # one feature has no others to be shrunk towards
        return raw
    prior, width = raw.mean(), raw.var(ddof=1)
    return np.asarray((rows * width * raw + variance * prior) / (rows * width + variance), dtype=float)
