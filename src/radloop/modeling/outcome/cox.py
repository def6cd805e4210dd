"""Cox's proportional hazards, penalised: fitted by lifelines, kept as plain numbers that a bundle can hold."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr, ndtri

from radloop.errors import ConfigurationError, GateClosed
from radloop.intervals import Floats
from radloop.modeling.outcome.columns import Columns, choose_columns
from radloop.modeling.outcome.knobs import Cox
from radloop.modeling.outcome.survival import Survival

LARGEST = 15.0  # log hazard ratio per standard deviation: with its error beyond it, the likelihood had no maximum
_KEPT = ("mean", "scale", "coefficients", "errors", "days", "hazard", "borders")
LARGEST_RISK = 700.0  # its exp is finite, and infinity times no hazard is no number


@dataclass(frozen=True, eq=False)
class CoxModel:
    """What a fit found: `coefficients` and `errors` [p] per standard deviation, and the baseline's cumulative hazard.

    `hazard` [k] at `days` [k] is that of a case whose features are all the training mean. `borders` [groups - 1] cut
    log hazards into risk groups. `notes` tell what a reader should doubt.
    """

    columns: Columns
    coefficients: Floats
    errors: Floats
    days: Floats = field(repr=False)
    hazard: Floats = field(repr=False)
    borders: Floats
    last: float
    notes: tuple[str, ...] = ()

    def risk(self, features: pd.DataFrame) -> Floats:
        """Log hazard relative to the training mean [n]; raises ConfigurationError as `Columns.standardised` does."""
        return np.asarray(self.columns.standardised(features) @ self.coefficients)

    def alive(self, features: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Probability of no event by each horizon [n, m], in days.

        Raises ConfigurationError for a horizon that no training case was watched to: the model knows nothing there.
        """
        when = np.asarray(horizons, dtype=float).reshape(-1)
        if (late := when.max(initial=0.0)) > self.last:
            raise ConfigurationError(
                f"a horizon of {late:g} days is beyond the {self.last:g} of training.", "choose an earlier one"
            )
        hazard = np.append(0.0, self.hazard)[np.searchsorted(self.days, when, side="right")]
        return np.asarray(np.exp(-np.exp(np.minimum(self.risk(features), LARGEST_RISK))[:, None] * hazard))

    def groups(self, features: pd.DataFrame) -> npt.NDArray[np.intp]:
        """Risk group of each case [n] from 0 for the lowest, by borders of the training cases."""
        return np.searchsorted(self.borders, self.risk(features), side="right")

    def record(self) -> dict[str, Any]:
        """The model as what JSON can hold; `from_record` gives the same model, to the last bit."""
        kept = {"names": list(self.columns.names), "dropped": dict(self.columns.dropped), "last": self.last}
        arrays = {name: getattr(self.columns if name in ("mean", "scale") else self, name) for name in _KEPT}
        return {**kept, "notes": list(self.notes), **{name: array.tolist() for name, array in arrays.items()}}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> CoxModel:
        """The model that `record` told; raises ConfigurationError where a part is missing."""
        try:
            arrays = {name: np.asarray(record[name], dtype=float) for name in _KEPT}
            columns = Columns(tuple(record["names"]), arrays.pop("mean"), arrays.pop("scale"), dict(record["dropped"]))
            return cls(columns=columns, last=float(record["last"]), notes=tuple(record["notes"]), **arrays)
        except KeyError as error:
            raise ConfigurationError(f"the record of a Cox model has no {error}.", "fit the model again") from error

    def hazard_ratios(self, level: float = 0.95) -> pd.DataFrame:
        """Hazard ratio per standard deviation of each used feature, with interval and p-value.

        A penalty draws ratios to 1 and makes intervals too narrow about the wrong place; then they only describe.
        """
        reach = float(ndtri((1 + level) / 2)) * self.errors
        return pd.DataFrame(
            {
                "feature": list(self.columns.names),
                "ratio": np.exp(self.coefficients),
                "low": np.exp(self.coefficients - reach),
                "high": np.exp(self.coefficients + reach),
                "p_value": 2 * ndtr(-np.abs(self.coefficients) / self.errors),
            }
        )


def fit_cox(features: pd.DataFrame, survival: Survival, knobs: Cox) -> CoxModel:
    """Fit on these cases alone [n, p]: the choice of columns, their scale, the coefficients and the baseline.

    Ties as Efron, standard errors robust to several cases of one patient. Raises ConfigurationError for unequal
    lengths, GateClosed for fewer than two events, for no feature that varies and where no maximum exists.
    Source: Cox 1972; Lin and Wei 1989 (robust errors).
    """
    if len(features) != len(survival):
        raise ConfigurationError(f"{len(features)} rows for {len(survival)} outcomes; one each.", "join them by case")
    survival.require_events("training")
    columns = choose_columns(features, knobs)
    scaled = columns.standardised(features)
    table = pd.DataFrame(scaled, columns=[f"x{k}" for k in range(scaled.shape[1])])
    found, doubted = _fitted(table, survival, knobs)
    coefficients = found.params_.to_numpy(dtype=float)
    errors = found.standard_errors_.to_numpy(dtype=float)
    reached = np.abs(coefficients) + errors
    if not np.isfinite(reached).all() or reached.max() > LARGEST:
        raise GateClosed("a feature separates the events: the model has no finite answer.", "raise cox.penalty")
    baseline = found.baseline_cumulative_hazard_.iloc[:, 0]
    notes = [f"{name} dropped: {reason}" for name, reason in columns.dropped.items()]
    if doubted:
        notes.append("the fit converged badly; raise cox.penalty")
    if survival.patients_with_event < 10 * len(columns.names):
        notes.append(f"{survival.patients_with_event} patients with the event for {len(columns.names)} features: few")
    return CoxModel(
        columns, coefficients, errors,
        baseline.index.to_numpy(dtype=float), baseline.to_numpy(dtype=float),
        np.quantile(scaled @ coefficients, knobs.cuts), float(survival.time.max()), tuple(notes),
    )  # fmt: skip


def _fitted(table: pd.DataFrame, survival: Survival, knobs: Cox) -> tuple[Any, bool]:
    """lifelines' fit, and whether it warned; its words are not repeated, for they may quote the table."""
    from lifelines import CoxPHFitter  # takes seconds to import
    from lifelines.exceptions import ConvergenceError

    shared = survival.patients_in_all < len(survival)
    table = table.assign(days=survival.time, came=survival.event.astype(float))
    if shared:
        table = table.assign(patient=survival.patients)
    fitter = CoxPHFitter(penalizer=knobs.penalty, l1_ratio=knobs.l1_share)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            fitter.fit(table, "days", "came", cluster_col="patient" if shared else None)
        except (ConvergenceError, np.linalg.LinAlgError, ValueError) as error:
            raise GateClosed("the Cox model did not converge on the training cases.", "raise cox.penalty") from error
    return fitter, any("onverge" in str(one.message) for one in told)
