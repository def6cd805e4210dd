"""How far a feature repeats when its mask is drawn a little differently: intraclass correlation, and who passes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import f as fisher

from radloop.errors import ConfigurationError
from radloop.intervals import Floats
from radloop.radiomics.selection import Selector

#: Shrout and Fleiss's forms, single ratings: masks drawn at random from all that may be, or these masks alone.
Kind = Literal["2,1", "3,1"]


def icc_table(measured: pd.DataFrame, kind: Kind = "2,1", level: float = 0.95) -> pd.DataFrame:
    """The intraclass correlation of each feature, with its interval.

    `measured` has the index levels (case, mask), every case under every mask once, and a feature per column. The rows
    of the answer are features, its columns `icc`, `low`, `high`, `cases`, `masks`. (2,1) is agreement, (3,1)
    consistency, which forgives a mask that shifts every case alike. A feature that never varies has NaN.
    Raises ConfigurationError for fewer than 2 cases or masks, a missing or double combination, and NaN.
    Sources: Shrout and Fleiss 1979; McGraw and Wong 1996, table 7 (intervals).
    """
    cube = _cube(measured)
    n, k = cube.shape[:2]
    rows, columns, error = _mean_squares(cube)
    tail = 1 - (1 - level) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "3,1":
            icc, low, high = _consistency(rows / error, (n, k), tail)
        else:
            icc, low, high = _agreement((rows, columns, error), (n, k), tail)
    found = pd.DataFrame({"icc": icc, "low": low, "high": high}, index=measured.columns)
    return found.assign(cases=n, masks=k)


class Reproducible(Selector):
    """Keeps features whose intraclass correlation under perturbed masks reaches `smallest` with its lower bound.

    `measured` is what `icc_table` takes. Only its cases that are among the rows fitted on count, by the frame's index,
    so that held-out patients decide nothing; `apart` says that it is of other patients altogether, and all count.
    Columns in `carry`, such as clinical ones, have no mask and stay.
    Raises ConfigurationError as `icc_table` does, and for features that were not measured.
    """

    def __init__(
        self, measured: pd.DataFrame, smallest: float = 0.75, kind: Kind = "2,1", level: float = 0.95,
        apart: bool = False, carry: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.measured = measured
        self.smallest = smallest
        self.kind = kind
        self.level = level
        self.apart = apart
        self.carry = carry

    def choose(self, frame: pd.DataFrame, labels: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
        """Those whose lower bound is high enough; `table_` keeps all."""
        carried = frame.columns.isin(self.carry)
        asked = list(frame.columns[~carried])
        if absent := [name for name in asked if name not in self.measured]:
            raise ConfigurationError(
                f"{len(absent)} features were not measured under perturbed masks, {absent[0]} among them",
                "extract the same features from the perturbed masks",
            )
        cases = self.measured.index.get_level_values(0)
        rows = np.ones(len(cases), bool) if self.apart else cases.isin(frame.index)
        self.table_ = icc_table(self.measured.loc[rows, asked], self.kind, self.level)
        repeats = (self.table_["low"] >= self.smallest).to_numpy()
        if not repeats.any():
            raise ConfigurationError(
                f"no feature repeats: the best lower bound is {self.table_['low'].max():.2f}, below {self.smallest}",
                "perturb less, measure more cases, or lower `smallest`",
            )
        kept: npt.NDArray[np.bool_] = carried.copy()
        kept[~carried] = repeats
        return kept


def _cube(measured: pd.DataFrame) -> Floats:
    """Values [cases, masks, features]."""
    cases, masks = (measured.index.get_level_values(at) for at in (0, 1))
    n, k = cases.nunique(), masks.nunique()
    if min(n, k) < 2 or len(measured) != n * k or measured.index.has_duplicates:
        raise ConfigurationError(
            f"{len(measured)} rows for {n} cases under {k} masks", "measure at least 2 cases under 2 masks, each once"
        )
    values = measured.sort_index().to_numpy(float)
    if not np.isfinite(values).all():
        raise ConfigurationError("features under perturbed masks are not finite", "leave out those features or cases")
    return values.reshape(n, k, -1)


def _mean_squares(cube: Floats) -> tuple[Floats, Floats, Floats]:
    """Between cases, between masks, and what is left, each [features]."""
    n, k = cube.shape[:2]
    centred = cube - cube.mean(axis=(0, 1))
    rows, columns = centred.mean(axis=1), centred.mean(axis=0)
    left = centred - rows[:, None] - columns[None]
    return (
        k * (rows**2).sum(axis=0) / (n - 1),
        n * (columns**2).sum(axis=0) / (k - 1),
        (left**2).sum(axis=(0, 1)) / ((n - 1) * (k - 1)),
    )


def _consistency(ratio: Floats, sizes: tuple[int, int], tail: float) -> tuple[Floats, Floats, Floats]:
    n, k = sizes
    first, second = n - 1, (n - 1) * (k - 1)
    low, high = ratio / fisher.ppf(tail, first, second), ratio * fisher.ppf(tail, second, first)

    def of(f: Floats) -> Floats:
        return np.where(np.isinf(f), 1.0, (f - 1) / (f + k - 1))

    return of(ratio), of(low), of(high)


def _agreement(
    squares: tuple[Floats, Floats, Floats], sizes: tuple[int, int], tail: float
) -> tuple[Floats, Floats, Floats]:
    (rows, columns, error), (n, k) = squares, sizes
    icc = (rows - error) / (rows + (k - 1) * error + k * (columns - error) / n)
    a, b = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (a * columns + b * error) ** 2 / ((a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1)))
    upper, lower = fisher.ppf(tail, n - 1, freedom), fisher.ppf(tail, freedom, n - 1)
    noise = k * columns + (k * n - k - n) * error
    low = n * (rows - upper * error) / (upper * noise + n * rows)
    high = n * (lower * rows - error) / (noise + n * lower * rows)
    perfect = (columns + error == 0) & (rows > 0)
    return icc, np.where(perfect, 1.0, low), np.where(perfect, 1.0, high)
