"""What a look compares: a window of the prediction log, and the stratified sample that Evidently renders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from radloop.errors import ConfigurationError

SAMPLE_RULE = "stratified by day and site, in proportion, drawn without replacement, seed {seed}"


@dataclass(frozen=True)
class Window:
    """The days [start, end], both included, under the name that people call them by."""

    start: date
    end: date
    name: str

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ConfigurationError(
                f"the window {self.name!r} ends on {self.end} before it starts on {self.start}", "swap the dates"
            )

    @property
    def slug(self) -> str:
        """A folder name for it."""
        plain = "".join(c if c.isalnum() else "-" for c in self.name.lower()).strip("-")[:40]
        return f"{self.start}_{self.end}" + (f"_{plain}" if plain else "")


def stratified(frame: pd.DataFrame, rows: int, seed: int = 0) -> pd.DataFrame:
    """At most `rows` rows with the same mix of day and site, because Evidently's time grows with every row.

    Each stratum gets its share, rounded by largest remainder; a frame that is small enough comes back whole.
    """
    if len(frame) <= rows:
        return frame
    rng = np.random.default_rng(seed)
    strata = frame.groupby([frame["day"], frame["site"].fillna("")], sort=True).ngroup().to_numpy()
    shuffled = rng.permutation(len(frame))
    ordered = shuffled[np.argsort(strata[shuffled], kind="stable")]
    sizes = np.bincount(strata)
    quota = _apportion(sizes, rows)
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(len(frame)) - starts[strata[ordered]]
    return frame.iloc[np.sort(ordered[rank < quota[strata[ordered]]])]


def _apportion(sizes: np.ndarray, rows: int) -> np.ndarray:
    exact = sizes * (rows / sizes.sum())
    quota: np.ndarray = np.floor(exact).astype(int)
    remainder = np.argsort(quota - exact, kind="stable")[: rows - int(quota.sum())]
    quota[remainder] += 1
    return quota
