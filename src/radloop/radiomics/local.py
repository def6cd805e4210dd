"""Local intensity peaks: means over spheres of 1 cm3, which one noisy voxel does not move.

Source: IBSI-1 reference manual, section 3.2.
"""

from __future__ import annotations

import numpy as np

from radloop.radiomics.kernels import sum_spheres
from radloop.radiomics.region import REACH, Region


def local_peaks(region: Region) -> dict[str, float]:
    """The mean around the brightest voxel, and the largest mean around any voxel of the region.

    A sphere takes every voxel of the image whose centre lies in it, in the region or not; where several voxels are
    brightest, the largest of their means counts.
    """
    means = _sphere_means(region)
    seen = region.values[region.counted]
    return {"peak_loc": float(means[seen == seen.max()].max()), "peak_glob": float(means.max())}


def _sphere_means(region: Region) -> np.ndarray:
    """The mean [v] around each counted voxel, from running sums: a sphere costs as much as it has rows."""
    # running sums lose digits beside large values, so the mean is taken out first
    middle = region.values.mean()
    sums = np.zeros((*region.values.shape[:2], region.values.shape[2] + 1))
    np.cumsum(region.values - middle, axis=2, out=sums[..., 1:])
    inside = np.argwhere(region.counted)
    found = np.zeros((len(inside), 2))
    sum_spheres(sums, inside, _rows(region.spacing), found)
    return np.asarray(found[:, 0] / found[:, 1] + middle)


def _rows(spacing: np.ndarray) -> np.ndarray:
    """The rows of a sphere [r, 3]: offsets along i and j, and how many voxels it reaches either way along k."""
    reach = np.floor(REACH / spacing).astype(int)
    i, j = np.meshgrid(*(np.arange(-n, n + 1) for n in reach[:2]), indexing="ij")
    left = REACH**2 - (i * spacing[0]) ** 2 - (j * spacing[1]) ** 2
    kept = left >= 0
    half = np.floor(np.sqrt(left[kept]) / spacing[2] + 1e-9)
    return np.column_stack([i[kept], j[kept], half]).astype(np.int64)
