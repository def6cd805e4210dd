"""What was observed: Kaplan and Meier's curves, the log-rank test between groups, and calibration at a horizon."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import chdtrc, ndtri

from radloop.intervals import Codes, Floats
from radloop.modeling.outcome.survival import Survival


@dataclass(frozen=True, eq=False)
class Curve:
    """Share without event by each `days` [k], with its pointwise interval, and how many were watched and hit then."""

    days: Floats
    alive: Floats = field(repr=False)
    low: Floats = field(repr=False)
    high: Floats = field(repr=False)
    at_risk: npt.NDArray[np.intp] = field(repr=False)
    events: npt.NDArray[np.intp] = field(repr=False)
    last: float

    def at(self, horizon: float) -> tuple[float, float, float]:
        """Share without event by a day, low and high; NaN beyond the last that anybody was watched."""
        if horizon > self.last and self.alive[-1] > 0:
            return np.nan, np.nan, np.nan
        place = int(np.searchsorted(self.days, horizon, side="right")) - 1
        return float(self.alive[place]), float(self.low[place]), float(self.high[place])


@dataclass(frozen=True)
class LogRank:
    """Whether groups fare alike: `statistic` is chi-squared with `degrees` of freedom if they do."""

    statistic: float
    degrees: int
    p_value: float


def kaplan_meier(survival: Survival, level: float = 0.95, also: tuple[float, ...] = ()) -> Curve:
    """The curve at day 0, every day of an event and the days `also`, its interval by the log-log, clustered by patient.

    Before the first event the bound is the exact one for as many patients as are watched. Raises ValueError for no
    case. Sources: Kaplan and Meier 1958; Kalbfleisch and Prentice 1980 (log-log); Ying and Wei 1994 (clusters).
    """
    if not len(survival):
        raise ValueError("no case has no curve; leave the group out")
    more = [day for day in also if day <= survival.time.max()]
    days = np.unique([0.0, *more, *survival.time[survival.event]])
    at_risk = (survival.time >= days[:, None]).sum(1)
    events = ((survival.time == days[:, None]) & survival.event).sum(1)
    alive = np.cumprod(1 - events / at_risk)
    reach = float(ndtri((1 + level) / 2)) * _log_error(survival, days, at_risk, events)
    low, high = _log_log(alive, reach)
    patients = np.array([np.unique(survival.patients[survival.time >= day]).size for day in days])
    untouched = alive == 1
    low[untouched], high[untouched] = ((1 - level) / 2) ** (1 / patients[untouched]), 1.0
    low[0] = 1.0 if days[0] == 0 and events[0] == 0 else low[0]
    return Curve(days, alive, low, high, at_risk, events, float(survival.time.max()))


def log_rank(survival: Survival, group: Codes) -> LogRank:
    """Test that groups [n] share one hazard; the variance is Mantel's, or robust where patients have several cases.

    Raises ValueError for fewer than two groups or no event. Sources: Mantel 1966; Lin and Wei 1989 (robust).
    """
    names = np.unique(group)
    if names.size < 2 or not survival.events:
        raise ValueError(f"{names.size} groups and {survival.events} events compare nothing; two and one are needed")
    days = np.unique(survival.time[survival.event])
    watched = (survival.time >= days[:, None]).astype(float)
    hit = ((survival.time == days[:, None]) & survival.event).astype(float)
    member = (group[:, None] == names[:-1]).astype(float)
    total, deaths = watched.sum(1), hit.sum(1)
    share = watched @ member / total[:, None]
    expected = (deaths / total)[:, None] * watched
    scores = (hit - expected).T @ np.ones(days.size)
    residual = member * scores[:, None] - (hit - expected).T @ share
    apart = residual.sum(0)
    if survival.patients_in_all < len(survival):
        sums = np.stack([np.bincount(survival.patients, column) for column in residual.T], axis=1)
        variance = sums.T @ sums
    else:
        spread = deaths * (total - deaths) / np.maximum(total - 1, 1)
        variance = np.diag(spread @ share) - (share * spread[:, None]).T @ share
    statistic = float(apart @ np.linalg.pinv(variance) @ apart)
    degrees = int(np.linalg.matrix_rank(variance))
    return LogRank(statistic, degrees, float(chdtrc(degrees, statistic)) if degrees else 1.0)


def calibration(survival: Survival, alive: Floats, horizon: float, bins: int = 5, level: float = 0.95) -> pd.DataFrame:
    """Predicted against observed share with the event by `horizon` days, in `bins` of equally many cases.

    `alive` [n] is the predicted chance of none. Columns: `n`, `predicted`, `observed` (1 less Kaplan and Meier's
    curve), `low`, `high`; a bin that nobody was watched to the horizon in has no observation.
    """
    order = np.argsort(1 - alive, kind="stable")
    rows = []
    for part in np.array_split(order, min(bins, order.size)):
        now, low, high = kaplan_meier(survival.part(part), level, (horizon,)).at(horizon)
        rows.append({"n": part.size, "predicted": float(1 - alive[part].mean()), "observed": 1 - now,
                     "low": 1 - high, "high": 1 - low})  # fmt: skip
    return pd.DataFrame(rows)


def _log_error(survival: Survival, days: Floats, at_risk: Floats, events: Floats) -> Floats:
    """Standard error of the log of the curve [k]: Greenwood's, or over patients where some have several cases."""
    left = at_risk - events
    if survival.patients_in_all == len(survival):
        step = np.divide(events, at_risk * left, out=np.zeros(days.size), where=left > 0)
        return np.asarray(np.sqrt(np.cumsum(step)))
    watched, hit = survival.time >= days[:, None], (survival.time == days[:, None]) & survival.event
    parts = (hit - watched * (events / at_risk)[:, None]) / np.maximum(left, 1)[:, None]
    count = int(survival.patients.max()) + 1
    sums = np.stack([np.bincount(survival.patients, row, count) for row in np.cumsum(parts, axis=0)])
    patients = survival.patients_in_all
    return np.asarray(np.sqrt((sums**2).sum(1) * patients / max(patients - 1, 1)))


def _log_log(alive: Floats, reach: Floats) -> tuple[Floats, Floats]:
    """Bounds that stay within 0 and 1; a curve that has come to 0 keeps the upper bound that it had before."""
    inner = (alive > 0) & (alive < 1)
    log = np.log(np.where(inner, alive, 0.5))
    factor = np.exp(np.where(inner, reach, 0) / -log)
    low, high = np.exp(log * factor), np.exp(log / factor)
    before = high[inner][-1] if inner.any() else 1.0
    return np.where(inner, low, alive), np.where(inner, high, np.where(alive == 0, before, alive))
