"""Local intensity peaks: means over spheres of 1 cm3, which one noisy voxel does not move.

Source: IBSI-1 reference manual, section 3.2.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from radloop.radiomics.region import REACH, Region


def local_peaks(region: Region) -> dict[str, float]:
    """The mean around the brightest voxel, and the largest mean around any voxel of the region.

    A sphere takes every voxel of the image whose centre lies in it, in the region or not; where several voxels are
    brightest, the largest of their means counts.
    """
    means = _sphere_means(region.values, region.spacing)
    inside = means[region.counted]
    seen = region.values[region.counted]
    return {"peak_loc": float(inside[seen == seen.max()].max()), "peak_glob": float(inside.max())}


def _sphere_means(values: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    reach = np.floor(REACH / spacing).astype(int)
    offsets = np.meshgrid(*(np.arange(-n, n + 1) * s for n, s in zip(reach, spacing, strict=True)), indexing="ij")
    sphere = (sum(offset**2 for offset in offsets) <= REACH**2).astype(np.float64)
    shape = tuple(fft.next_fast_len(n + 2 * int(m), real=True) for n, m in zip(values.shape, reach, strict=True))
    kernel = fft.rfftn(sphere, shape)
    crop = tuple(slice(int(m), int(m) + n) for n, m in zip(values.shape, reach, strict=True))
    # a transform loses digits beside the largest value, so the mean is taken out first
    middle = values.mean()
    total = fft.irfftn(fft.rfftn(values - middle, shape) * kernel, shape)[crop]
    count = np.rint(fft.irfftn(fft.rfftn(np.ones_like(values), shape) * kernel, shape)[crop])
    return np.asarray(total / count + middle)
