"""All measures of a predicted outcome, each with an interval by drawing patients, or with why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from pydantic import Field

from radloop.errors import ConfigurationError
from radloop.evaluation.outcome.brier import brier_at, explained, integrated_brier
from radloop.evaluation.outcome.ranking import dynamic_auc, harrell_concordance, uno_concordance
from radloop.intervals import TOO_FEW, Codes, Floats, Interval, Statistic, cluster_bootstrap
from radloop.modeling.outcome.survival import Survival
from radloop.sections import Section


class Judgement(Section):
    """How outcome is judged: `smallest` patients with and without the event that a figure needs, and its interval."""

    confidence: float = Field(0.95, gt=0, lt=1)
    bootstrap: int = Field(1000, ge=1000)
    smallest: int = Field(5, ge=2)
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Predicted:
    """What was predicted: log hazards [n], rising `horizons` in days [m], and the chance `alive` [n, m] of no event.

    `strata` [n] are folds whose log hazards have different zeros; ranks compare within them. Raises
    ConfigurationError for shapes that do not fit, numbers that are not finite or chances beyond 0 and 1.
    """

    risk: Floats = field(repr=False)
    horizons: Floats
    alive: Floats = field(repr=False)
    strata: Codes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.alive.shape != (self.risk.size, self.horizons.size) or (np.diff(self.horizons) <= 0).any():
            raise ConfigurationError(
                f"chances of {self.alive.shape} for {self.risk.size} cases and {self.horizons.size} rising horizons.",
                "predict each case at each horizon",
            )
        if not np.isfinite(self.risk).all() or not ((self.alive >= 0) & (self.alive <= 1)).all():
            raise ConfigurationError("a risk is not finite or a chance is not between 0 and 1.", "look at the model")


def measure_outcome(survival: Survival, predicted: Predicted, rules: Judgement) -> dict[str, Interval]:
    """`c_harrell`, `c_uno`, `brier_integrated`, and per horizon `auc_365`, `brier_365`, `explained_365`.

    Uno's looks at events before the last horizon. A horizon that too few patients had the event by, or were watched
    beyond, has no figure. Raises GateClosed where fewer than two patients had the event, ConfigurationError for
    other cases than were predicted.
    """
    if predicted.risk.size != len(survival):
        raise ConfigurationError(
            f"{predicted.risk.size} predictions for {len(survival)} outcomes; one each.", "join them by case"
        )
    survival.require_events("the cases to judge")
    risk, strata = predicted.risk, predicted.strata
    short = {day: _shortage(survival, day, rules.smallest) for day in predicted.horizons}
    known = np.array([day for day, why in short.items() if not why])
    wanted: dict[str, tuple[str, Statistic | None]] = {
        "c_harrell": ("", harrell_concordance(survival, risk, strata)),
        "c_uno": (TOO_FEW, None),
        "brier_integrated": (f"{TOO_FEW} horizons", None),
    }
    if known.size:
        wanted["c_uno"] = "", uno_concordance(survival, risk, known[-1], strata)
    if known.size > 1:
        alive = predicted.alive[:, np.isin(predicted.horizons, known)]
        wanted["brier_integrated"] = "", integrated_brier(survival, alive, known)
    for day, alive in zip(predicted.horizons, predicted.alive.T, strict=True):
        wanted[f"auc_{day:g}"] = short[day], dynamic_auc(survival, risk, day, strata)
        wanted[f"brier_{day:g}"] = short[day], brier_at(survival, alive, day)
        wanted[f"explained_{day:g}"] = short[day], explained(survival, alive, day)
    return {name: _judged(one, survival, rules, why) for name, (why, one) in wanted.items()}


def _shortage(survival: Survival, day: float, smallest: int) -> str:
    hit = np.unique(survival.patients[survival.event & (survival.time <= day)]).size
    free = np.unique(survival.patients[survival.time > day]).size
    if hit < smallest:
        return f"{TOO_FEW} events by then ({hit})"
    return f"{TOO_FEW} watched beyond ({free})" if free < smallest else ""


def _judged(statistic: Statistic | None, survival: Survival, rules: Judgement, short: str) -> Interval:
    if short or statistic is None:
        return Interval(None, None, None, len(survival), survival.events, "none", survival.patients_in_all,
                        rules.confidence, short)  # fmt: skip
    found = cluster_bootstrap(statistic, survival.patients, rules.confidence, rules.bootstrap, rules.seed)
    return replace(found, positives=survival.events)
