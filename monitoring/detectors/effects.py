"""Distances between two summaries, to describe how far a column moved; none of them raises an alarm alone.

Their values under "nothing changed" depend on the sample size, which is why popular fixed limits (0.2 for the
population stability index, say) alarm on small windows and sleep on large ones.
"""

from __future__ import annotations

import numpy as np

from radloop.sketches import Counts, Histogram

_BINS = 10


def stability_index(reference: np.ndarray, window: np.ndarray) -> float:
    """Population stability index of two count vectors [k], half a count added to each cell against zeros."""
    p = (reference + 0.5) / (reference + 0.5).sum()
    q = (window + 0.5) / (window + 0.5).sum()
    return float(((q - p) * np.log(q / p)).sum())


def jensen_shannon(reference: np.ndarray, window: np.ndarray) -> float:
    """Jensen-Shannon distance (base 2, 0 to 1) of two count vectors [k]; NaN where one is empty."""
    if reference.sum() == 0 or window.sum() == 0:
        return float("nan")
    p, q = reference / reference.sum(), window / window.sum()
    middle = (p + q) / 2

    def divergence(a: np.ndarray) -> float:
        held = a > 0
        return float((a[held] * np.log2(a[held] / middle[held])).sum())

    return float(np.sqrt(max(0.0, (divergence(p) + divergence(q)) / 2)))


def wasserstein(reference: Histogram, window: Histogram) -> float:
    """Wasserstein-1 distance in reference standard deviations, within a bin's width; NaN where one is empty."""
    if reference.n < 2 or window.n == 0 or reference.moments.std == 0:
        return float("nan")
    width = (reference.grid.high - reference.grid.low) / reference.grid.bins
    return float(np.abs(reference.cumulative - window.cumulative).sum() * width / reference.moments.std)


def aligned(reference: Counts, window: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Counts of both over the same values; `other` and missing are the last two cells."""
    names = sorted({*reference.counts, *window.counts})
    a, b = (np.array([*(c.counts.get(n, 0) for n in names), c.other, c.missing], float) for c in (reference, window))
    return a, b


def deciles(reference: Histogram, window: Histogram) -> tuple[np.ndarray, np.ndarray]:
    """Counts of both in about ten cells that hold equal shares of the reference."""
    if reference.n == 0:
        return np.zeros(1), np.array([float(window.n)])
    below = np.cumsum(reference.counts) / reference.n
    cell = np.minimum((np.concatenate([[0.0], below[:-1]]) * _BINS).astype(int), _BINS - 1)
    a, b = (np.bincount(cell, weights=np.asarray(h.counts, float), minlength=_BINS) for h in (reference, window))
    held = (a + b) > 0
    return a[held], b[held]
