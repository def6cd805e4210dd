"""How fast a lesion grows, and whether it grew at all beyond what two measurements of one lesion differ by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.special import chdtrc, ndtri

from radloop.errors import StudyRejected
from radloop.sections import Section


class Repeatability(Section):
    """How a volume differs when one lesion is measured again: `variation` is the coefficient within a lesion.

    It belongs to a scanner protocol and a way to segment: estimate it by `repeatability`, for no default is right.
    """

    variation: float = Field(gt=0, lt=1)
    confidence: float = Field(0.95, gt=0, lt=1)

    @property
    def spread(self) -> float:
        """Standard deviation of one measurement of log volume."""
        return float(np.sqrt(np.log1p(self.variation**2)))

    @property
    def limits(self) -> tuple[float, float]:
        """Ratios of two volumes between which nothing can be said to have changed."""
        reach = float(ndtri((1 + self.confidence) / 2)) * np.sqrt(2) * self.spread
        return float(np.exp(-reach)), float(np.exp(reach))

    def beyond(self, ratio: float) -> bool:
        """True where a ratio of two volumes lies outside the limits."""
        low, high = self.limits
        return not low <= ratio <= high


@dataclass(frozen=True)
class Growth:
    """Growth of log volume per day with its interval; `changed` where that leaves 0 out.

    `doubling` and `halving` are days (value, shortest, longest), None where there is no such change. `exponential` is
    False where three studies or more scatter about the line further than measuring explains.
    """

    rate: float
    low: float
    high: float
    exponential: bool

    @property
    def changed(self) -> bool:
        """True where the change is beyond repeatability."""
        return not self.low <= 0 <= self.high

    @property
    def doubling(self) -> tuple[float, float, float] | None:
        """Volume doubling time in days with its bounds."""
        return _days(self.rate, self.high, self.low) if self.low > 0 else None

    @property
    def halving(self) -> tuple[float, float, float] | None:
        """Days in which the volume halves, with its bounds."""
        return _days(-self.rate, -self.low, -self.high) if self.high < 0 else None


def growth(days: Sequence[date], millilitres: npt.ArrayLike, limits: Repeatability) -> Growth:
    """The line through log volumes [n] over the days of their studies [n]; of two studies, Schwartz's formula.

    Raises StudyRejected for fewer than two days, unequal lengths, or a volume that is not above 0 ml: what is gone has
    no doubling time but a response. Source: Schwartz 1961.
    """
    volume = np.asarray(millilitres, dtype=float).reshape(-1)
    when = np.array([day.toordinal() for day in days], dtype=float)
    if when.size != volume.size:
        raise StudyRejected("lesion_size", f"{volume.size} volumes for {when.size} dates.", "give one each")
    if np.unique(when).size < 2:
        raise StudyRejected("one_day", "studies of one day show no growth.", "give studies of two days")
    if not ((volume > 0) & np.isfinite(volume)).all():
        raise StudyRejected("no_volume", "a lesion without volume does not double.", "tell its response instead")
    centred, log = when - when.mean(), np.log(volume)
    squares = float(centred @ centred)
    rate = float(centred @ log) / squares
    left = log - log.mean() - rate * centred
    reach = float(ndtri((1 + limits.confidence) / 2)) * limits.spread / np.sqrt(squares)
    odd = when.size > 2 and chdtrc(when.size - 2, left @ left / limits.spread**2) < 1 - limits.confidence
    return Growth(rate, rate - reach, rate + reach, not odd)


def repeatability(first: npt.ArrayLike, second: npt.ArrayLike, confidence: float = 0.95) -> Repeatability:
    """From two measurements in ml of each of some lesions [n], nothing having happened in between.

    Raises StudyRejected for fewer than two lesions, volumes not above 0, or no difference at all.
    Source: Bland and Altman 1996 (within-subject standard deviation, of logarithms).
    """
    one, two = np.asarray(first, dtype=float).reshape(-1), np.asarray(second, dtype=float).reshape(-1)
    if one.size != two.size or one.size < 2:
        raise StudyRejected("repeatability", f"{one.size} and {two.size} volumes are not pairs.", "give two or more")
    if not ((one > 0) & (two > 0) & np.isfinite(one) & np.isfinite(two)).all():
        raise StudyRejected("no_volume", "a volume is not above 0 ml.", "leave the lesion out")
    squared = float(np.mean(np.log(two / one) ** 2) / 2)
    if squared == 0:
        raise StudyRejected("repeatability", "all pairs are equal: one measurement given twice.", "measure again")
    return Repeatability(variation=float(np.sqrt(np.expm1(squared))), confidence=confidence)


def _days(rate: float, fastest: float, slowest: float) -> tuple[float, float, float]:
    return float(np.log(2) / rate), float(np.log(2) / fastest), float(np.log(2) / slowest)
