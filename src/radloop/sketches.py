"""Fixed-size summaries that merge: the sketch of a month is the merged sketches of its days, exactly.

A window of a million predictions then costs a few kilobytes, and no row of a patient leaves the log.
Counts merge exactly; moments merge up to rounding (Chan, Golub and LeVeque, The American Statistician, 1983).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

#: Distinct values that `Counts` keeps by name; a constant, because summaries of two sizes do not merge.
CAPACITY = 512


@dataclass(frozen=True)
class Grid:
    """Equal bins over [low, high); what lies outside is counted below or above, so nothing is lost."""

    low: float
    high: float
    bins: int = 60

    @property
    def edges(self) -> np.ndarray:
        """The bins + 1 inner edges."""
        return np.linspace(self.low, self.high, self.bins + 1)


@dataclass(frozen=True)
class Moments:
    """Number, mean and sum of squared deviations of finite values."""

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0

    @classmethod
    def of(cls, values: np.ndarray) -> Moments:
        """Moments of a 1-d array without missing values."""
        if len(values) == 0:
            return cls()
        mean = float(values.mean())
        return cls(len(values), mean, float(((values - mean) ** 2).sum()))

    def merge(self, other: Moments) -> Moments:
        """Moments of both together."""
        n = self.n + other.n
        if n == 0:
            return self
        delta = other.mean - self.mean
        mean = self.mean + delta * other.n / n
        return Moments(n, mean, self.m2 + other.m2 + delta * delta * self.n * other.n / n)

    @property
    def std(self) -> float:
        """Sample standard deviation; NaN below two values."""
        return math.sqrt(self.m2 / (self.n - 1)) if self.n > 1 else math.nan


@dataclass(frozen=True)
class Histogram:
    """A number column: counts on a fixed grid (first below, last above it), missing values, moments."""

    grid: Grid
    counts: tuple[int, ...]
    missing: int
    moments: Moments

    @classmethod
    def of(cls, values: Iterable[Any], grid: Grid) -> Histogram:
        """Summarise numbers; None, NaN and infinities count as missing."""
        numbers = _floats(values)
        finite = numbers[np.isfinite(numbers)]
        cells = np.searchsorted(grid.edges, finite, side="right")
        counts = np.bincount(cells, minlength=grid.bins + 2)
        return cls(grid, tuple(int(c) for c in counts), len(numbers) - len(finite), Moments.of(finite))

    def merge(self, other: Histogram) -> Histogram:
        """Both together.

        Raises ValueError for different grids, for their bins cannot be added.
        """
        if self.grid != other.grid:
            raise ValueError(f"cannot merge histograms on {self.grid} and {other.grid}; summarise on one grid")
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return Histogram(self.grid, counts, self.missing + other.missing, self.moments.merge(other.moments))

    @property
    def n(self) -> int:
        """Values that are not missing."""
        return self.moments.n

    @property
    def cumulative(self) -> np.ndarray:
        """Share of values below each inner edge, [bins + 1]; NaN when empty."""
        counts = np.cumsum(np.asarray(self.counts, dtype=float))[:-1]
        return counts / self.n if self.n else np.full(self.grid.bins + 1, math.nan)

    def quantile(self, q: float) -> float:
        """The q-quantile, within one bin's width; values off the grid are told as its end."""
        if self.n == 0:
            return math.nan
        below, edges = self.cumulative, self.grid.edges
        at = int(np.searchsorted(below, q, side="left"))
        if at == 0 or at > self.grid.bins:
            return float(edges[min(at, self.grid.bins)])
        inside = (q - below[at - 1]) / max(below[at] - below[at - 1], 1e-300)
        return float(edges[at - 1] + inside * (edges[at] - edges[at - 1]))


@dataclass(frozen=True)
class Counts:
    """A category column: how often each value occurred.

    Beyond `CAPACITY` values, those with the smallest hashes keep their names and the rest count as `other`;
    a rule by hash is what keeps merging exact in any order, where keeping the most frequent would not.
    """

    counts: Mapping[str, int]
    missing: int = 0
    other: int = 0

    @classmethod
    def of(cls, values: Iterable[Any]) -> Counts:
        """Summarise values by their text; None and NaN count as missing."""
        found = Counter(pd.Series(values, dtype=object))
        missing = sum(found.pop(value) for value in [v for v in found if pd.isna(v)])
        counts: Counter[str] = Counter()
        for value, count in found.items():
            counts[str(value)] += count
        return _bounded(dict(counts), missing, 0)

    def merge(self, other: Counts) -> Counts:
        """Both together."""
        names = {*self.counts, *other.counts}
        counts = {name: self.counts.get(name, 0) + other.counts.get(name, 0) for name in names}
        return _bounded(counts, self.missing + other.missing, self.other + other.other)

    @property
    def n(self) -> int:
        """Values that are not missing."""
        return sum(self.counts.values()) + self.other

    def share(self, value: str) -> float:
        """Share of `value` among all rows, missing ones included; 0 when there are none."""
        total = self.n + self.missing
        return self.counts.get(value, 0) / total if total else 0.0


def _floats(values: Iterable[Any]) -> np.ndarray:
    if isinstance(values, pd.Series | np.ndarray) and values.dtype == np.float64:
        return np.asarray(values)
    return pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=float, na_value=math.nan)


def _bounded(counts: dict[str, int], missing: int, other: int) -> Counts:
    names = sorted(counts)
    if len(names) > CAPACITY:
        names = sorted(sorted(names, key=_order)[:CAPACITY])
    kept = {name: counts[name] for name in names}
    return Counts(kept, missing, other + sum(counts.values()) - sum(kept.values()))


def _order(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()


@dataclass(frozen=True)
class Sketch:
    """All columns of a table, summarised."""

    n: int
    numbers: Mapping[str, Histogram]
    categories: Mapping[str, Counts]

    def merge(self, other: Sketch) -> Sketch:
        """Both together, column by column; both must summarise the same columns."""
        numbers = {name: self.numbers[name].merge(other.numbers[name]) for name in self.numbers}
        categories = {name: self.categories[name].merge(other.categories[name]) for name in self.categories}
        return Sketch(self.n + other.n, numbers, categories)

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Sketch:
        """The inverse of `to_json`."""
        return cls(
            raw["n"],
            {name: _histogram(value) for name, value in raw["numbers"].items()},
            {name: Counts(**value) for name, value in raw["categories"].items()},
        )


def _histogram(raw: Mapping[str, Any]) -> Histogram:
    return Histogram(Grid(**raw["grid"]), tuple(raw["counts"]), raw["missing"], Moments(**raw["moments"]))


def summarise(frame: pd.DataFrame, grids: Mapping[str, Grid], categories: Iterable[str]) -> Sketch:
    """Sketch the named columns of a table; a column that the table lacks is all missing.

    `grids` gives each number column its grid, which must not depend on the data, or sketches would not merge.
    """

    def column(name: str) -> pd.Series:
        return frame[name] if name in frame else pd.Series([None] * len(frame), dtype=object)

    numbers = {name: Histogram.of(column(name), grid) for name, grid in grids.items()}
    return Sketch(len(frame), numbers, {name: Counts.of(column(name)) for name in categories})


def merge_all(sketches: Iterable[Sketch]) -> Sketch:
    """Merge at least one sketch; the order does not matter."""
    return reduce(Sketch.merge, sketches)
