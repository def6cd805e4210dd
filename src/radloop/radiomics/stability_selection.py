"""Features that are chosen again and again from halves of the cases (Meinshausen and Bühlmann 2010)."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lars_path

from radloop.intervals import Floats
from radloop.radiomics.selection import Selector, with_labels


class StabilitySelection(Selector):
    """Keeps columns that are among the first `entering` of the lasso in a share `threshold` of complementary halves.

    Each of `pairs` splits the cases in two halves, balanced by class, and both are looked at: so no case counts more
    than another. Where fewer than `least` columns are that stable, the most often chosen make up for it, as a
    classifier needs some. `frequency_` is the share by column; `expected_false_` bounds how many kept columns are
    expected to be chosen no more often than at random: entering^2 / ((2 threshold - 1) p).
    Sources: Meinshausen and Bühlmann 2010; Shah and Samworth 2013, theorem 1 and section 2 (complementary pairs).
    """

    def __init__(
        self, pairs: int = 50, entering: int = 8, threshold: float = 0.6, least: int = 3, seed: int = 0
    ) -> None:
        self.pairs = pairs
        self.entering = entering
        self.threshold = threshold
        self.least = least
        self.seed = seed

    def choose(self, frame: pd.DataFrame, labels: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
        """The stable ones, or the most stable."""
        known, values = with_labels(labels), frame.to_numpy(float)
        values = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-12)
        random = np.random.default_rng(self.seed)
        chosen = np.zeros(values.shape[1])
        for _ in range(self.pairs):
            for half in _halves(known, random):
                chosen[first_entering(values[half], known[half], self.entering)] += 1
        frequency = chosen / (2 * self.pairs)
        self.frequency_ = pd.Series(frequency, frame.columns)
        self.expected_false_ = self.entering**2 / ((2 * self.threshold - 1) * frequency.size)
        kept: npt.NDArray[np.bool_] = frequency >= self.threshold
        kept[np.argsort(-frequency, kind="stable")[: self.least]] = True
        return kept


def first_entering(values: Floats, labels: npt.NDArray[np.bool_], entering: int) -> npt.NDArray[np.intp]:
    """Columns of `values` [n, p] that the lasso of the labels holds after `entering` steps of its path.

    The squared loss, not the logistic one: its path is exact and a hundred times faster, and order alone matters.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a half with equal columns ends its path early
        centred = values - values.mean(axis=0)
        _, active, _ = lars_path(centred, labels - labels.mean(), method="lasso", max_iter=entering)
    return np.asarray(active, dtype=np.intp)


def _halves(
    labels: npt.NDArray[np.bool_], random: np.random.Generator
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Two halves without a case in common, each with half of either class."""
    first, second = [], []
    for side in (labels, ~labels):
        order = random.permutation(np.flatnonzero(side))
        half = len(order) // 2
        first.append(order[:half])
        second.append(order[half : 2 * half])
    return np.concatenate(first), np.concatenate(second)
