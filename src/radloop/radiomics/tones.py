"""Features of neighbourhood grey tone difference matrices.

Source: IBSI-1 reference manual, section 3.10.
"""

from __future__ import annotations

import numpy as np

NAMES = ("coarseness", "contrast", "busyness", "complexity", "strength")
COARSEST = 1e6  # of a region without any difference, as the standard asks


def tone_features(counts: np.ndarray) -> np.ndarray:
    """The five features of `counts` float64 [2, levels]: voxels with neighbours, sums of their differences.

    NaN where no voxel has a neighbour.
    """
    voxels, differences = counts
    total = voxels.sum()
    if not total:
        return np.full(len(NAMES), np.nan)
    level = np.flatnonzero(voxels) + 1.0
    share, apart = voxels[voxels > 0] / total, differences[voxels > 0]
    weighted = float(share @ apart)
    many = level.size
    between = level[:, None] - level
    contrast = share @ between**2 @ share * apart.sum() / total / (many * (many - 1)) if many > 1 else 0.0
    spread = np.abs(level[:, None] * share[:, None] - level * share).sum()
    busyness = weighted / spread if many > 1 and spread else 0.0
    both = share[:, None] + share
    complexity = (np.abs(between) * (share * apart + (share * apart)[:, None]) / both).sum() / total
    strength = (both * between**2).sum() / apart.sum() if apart.sum() else 0.0
    return np.array([1 / weighted if weighted else COARSEST, contrast, busyness, complexity, strength])
