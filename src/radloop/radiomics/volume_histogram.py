"""The intensity-volume histogram: how much of the region is at least so bright.

Source: IBSI-1 reference manual, section 3.5.
"""

from __future__ import annotations

import math

import numpy as np

from radloop.errors import ConfigurationError
from radloop.radiomics.discretise import fixed_number, fixed_size
from radloop.radiomics.knobs import RoiSettings


def volume_histogram(values: np.ndarray, settings: RoiSettings) -> dict[str, float]:
    """The family's features of the region's `values` float64 [n].

    Raises ConfigurationError where intensities are taken as they are and are no whole numbers.
    """
    levels, grid = _levels(values, settings)
    # the share of voxels at each level of the grid or above
    share = np.cumsum(np.bincount(levels, minlength=grid.size)[::-1])[::-1] / values.size
    span = grid[-1] - grid[0]
    fraction = (grid - grid[0]) / span if span else np.zeros(1)

    def volume(at: float) -> float:
        return float(share[fraction >= at - 1e-12].max(initial=0.0)) if span else float("nan")

    def intensity(at: float) -> float:
        few = np.flatnonzero(share <= at + 1e-12)
        return float(grid[few[0]]) if few.size else float(grid[-1])

    return {
        "v10": volume(0.1),
        "v90": volume(0.9),
        "i10": intensity(0.1),
        "i90": intensity(0.9),
        "diff_v10_v90": volume(0.1) - volume(0.9),
        "diff_i10_i90": intensity(0.1) - intensity(0.9),
        "auc": float(np.trapezoid(share, fraction)) if span else float("nan"),
    }


def _levels(values: np.ndarray, settings: RoiSettings) -> tuple[np.ndarray, np.ndarray]:
    """The place [n] of each value on a grid of intensities, and that grid.

    A re-segmented range is the grid's: fractions of intensity must mean the same in every patient.
    """
    knobs = settings.volume_histogram
    if knobs.how == "fbn":
        levels = fixed_number(values, knobs.bins) - 1
        return levels, np.arange(1, levels.max() + 2, dtype=np.float64)
    least, largest = settings.resegment.range or (float(values.min()), float(values.max()))
    if knobs.how == "fbs":
        levels = fixed_size(values, knobs.width, least) - 1
        count = max(int(levels.max()) + 1, math.ceil((largest - least) / knobs.width - 1e-9))
        return levels, least + (np.arange(count) + 0.5) * knobs.width
    least = math.ceil(least)
    if not np.array_equal(values, np.rint(values)):
        raise ConfigurationError("volume_histogram.how is none, but intensities are no whole numbers.", "choose fbs")
    return (values - least).astype(np.int64), np.arange(least, math.floor(largest) + 1, dtype=np.float64)
