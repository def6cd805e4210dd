"""When the event comes to SIMULATED patients, from a hazard that is known, so that models can be held to the truth.

The hazard is Weibull's times exp(linear sum of features); people are lost at random and watched to a last day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from radloop.simulate.findings import CARDIOMEGALY, PNEUMONIA
from radloop.simulate.knobs import Hospital
from radloop.simulate.population import illness, person, stream

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class KnownHazard:
    """Log hazard ratio per unit of each feature, and who is watched how long.

    `median` days to the event where every feature is 0; `shape` of Weibull (1: constant, above 1: rising);
    `lost` per day leave at random; `ends` is the last day that anybody is watched.
    """

    coefficients: tuple[tuple[str, float], ...] = (("age_decades", 0.35), ("pneumonia", 1.2), ("cardiomegaly", 0.9))
    median: float = 900.0
    shape: float = 1.0
    lost: float = 0.0003
    ends: float = 1825.0

    def log_hazard(self, features: pd.DataFrame) -> Floats:
        """The true log hazard ratio of each case [n] against one whose features are all 0."""
        names = [name for name, _ in self.coefficients]
        return np.asarray(features[names].to_numpy(dtype=float) @ np.array([b for _, b in self.coefficients]))

    def cumulative(self, days: npt.ArrayLike) -> Floats:
        """Cumulative hazard where every feature is 0, at some days."""
        return np.asarray(np.log(2) * (np.asarray(days, dtype=float) / self.median) ** self.shape)

    def alive(self, features: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """The true probability of no event by each horizon [n, m], in days."""
        return np.asarray(np.exp(-np.exp(self.log_hazard(features))[:, None] * self.cumulative(horizons)))


def event_times(features: pd.DataFrame, hazard: KnownHazard, seed: int) -> pd.DataFrame:
    """`time` in days, `event`, and the truth: `log_hazard` and `event_day`, on the index of `features` [n, p].

    Events and losses have streams of their own: another `lost` leaves the day of every event as it was.
    """
    count, risk = len(features), hazard.log_hazard(features)
    drawn = stream(seed, "outcome").exponential(size=count) / np.exp(risk)
    day = hazard.median * (drawn / np.log(2)) ** (1 / hazard.shape)
    leaving = stream(seed, "lost to follow-up").exponential(size=count)
    left = np.minimum(leaving / hazard.lost if hazard.lost > 0 else np.inf, hazard.ends)
    return pd.DataFrame(
        {"time": np.minimum(day, left), "event": day <= left, "log_hazard": risk, "event_day": day},
        index=features.index,
    )


def outcome_features(hospital: Hospital, patients: int) -> pd.DataFrame:
    """What a hospital's first `patients` are like at their first visit [n], by features that a hazard may name.

    `age_decades` from the mean age, `male`, and the severities 0 to 1 of `pneumonia` and `cardiomegaly`.
    """
    rows = []
    for patient in range(hospital.first_patient, hospital.first_patient + patients):
        sex, age, _, _ = person(hospital, patient, 1)
        ill = illness(hospital, patient, 0, age)
        rows.append(
            {
                "age_decades": (age - hospital.age_mean) / 10,
                "male": float(sex == "M"),
                "pneumonia": ill.get(PNEUMONIA, 0.0),
                "cardiomegaly": ill.get(CARDIOMEGALY, 0.0),
            }
        )
    return pd.DataFrame(rows)


def true_concordance(log_hazard: npt.ArrayLike, hazard: KnownHazard, until: float) -> float:
    """The C-index that the true hazards reach among pairs whose first event comes by `until` days.

    P(i before j and by then) is h_i / (h_i + h_j) * (1 - exp(-(h_i + h_j) * H(until))), for hazards in proportion.
    """
    rate = np.exp(np.asarray(log_hazard, dtype=float))
    both = rate[:, None] + rate
    first = rate[:, None] / both * -np.expm1(-both * hazard.cumulative(until))
    np.fill_diagonal(first, 0)
    higher = (rate[:, None] > rate) + 0.5 * (rate[:, None] == rate)
    return float((first * higher).sum() / first.sum())


def true_auc(log_hazard: npt.ArrayLike, hazard: KnownHazard, horizon: float) -> float:
    """The cumulative/dynamic AUC that the true hazards reach: event by `horizon` against none by then."""
    risk = np.asarray(log_hazard, dtype=float)
    alive = np.exp(-np.exp(risk) * hazard.cumulative(horizon))
    pairs = (1 - alive)[:, None] * alive
    higher = (risk[:, None] > risk) + 0.5 * (risk[:, None] == risk)
    return float((pairs * higher).sum() / pairs.sum())
