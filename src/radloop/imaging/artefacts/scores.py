"""From a statistic to a score of 0 to 1, alike for all detectors."""

from __future__ import annotations

import numpy as np


def score(value: float, usual: float, clear: float) -> float:
    """A logistic curve: 0.1 at `usual`, which clean images reach, 0.9 at `clear`; rounded, so that bytes agree."""
    middle, slope = (usual + clear) / 2, 2 * np.log(9) / (clear - usual)
    return round(float(1 / (1 + np.exp(-np.clip(slope * (value - middle), -50, 50)))), 6)


def spread(values: np.ndarray) -> float:
    """Robust standard deviation: the 90th percentile of distances from the median over the normal's, never 0.

    Differences from a running median are 0 in many places, so that a median of distances would be too.
    """
    return max(float(np.quantile(np.abs(values - np.median(values)), 0.9)) / 1.645, 1e-12)
