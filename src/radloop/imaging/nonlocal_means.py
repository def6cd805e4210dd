"""Non-local means: a voxel becomes the mean of those whose surroundings look like its own, so that edges stay."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from scipy.ndimage import correlate1d, uniform_filter

from radloop.sections.noise import NonLocalMeans

#: The normal's upper quartile, in standard deviations.
QUARTILE = 0.6745
#: Share of the 98th percentile below which a voxel of a magnitude image shows no tissue.
AIR = 0.1
#: Second difference, which is blind to slopes, and the sum of its squares.
BEND, BEND_POWER = np.array([1.0, -2.0, 1.0]), 6.0


def estimate_sigma(image: np.ndarray) -> float:
    """Standard deviation of the noise, by the median size of what is fine along both last in-plane axes.

    The product of second differences along the first two axes is blind to edges along either and to slopes
    (Immerkær, Computer Vision and Image Understanding 64, 1996); a median stands for the mean, because corners are
    few. Air is left out where there is any, for its noise is less in a magnitude image and nothing in a padded one.
    Noise that neighbours share, as interpolation leaves it, is told too low. `image`: [h, w] or [i, j, k]. Returns
    a number in the image's unit, 0 where an axis has less than 3 voxels.
    """
    if min(image.shape[:2]) < 3:
        return 0.0
    fine = correlate1d(correlate1d(np.asarray(image, np.float64), BEND, axis=0), BEND, axis=1)[1:-1, 1:-1]
    seen = tissue(image)[1:-1, 1:-1]
    return float(np.median(np.abs(fine[seen] if seen.any() else fine))) / (QUARTILE * BEND_POWER)


def tissue(image: np.ndarray) -> np.ndarray:
    """Where a magnitude image is no air: bool, above a tenth of the 98th percentile; all where values are below 0."""
    if float(image.min()) < 0:
        return np.ones(image.shape, bool)
    return np.asarray(image > AIR * float(np.quantile(image, 0.98)))


def non_local_means(image: np.ndarray, spacing: tuple[float, ...], settings: NonLocalMeans) -> np.ndarray:
    """Average every voxel with those within `search` whose patches differ no more than noise would make them.

    Squared patch distances, less what noise alone puts there, over (strength x sigma)^2 give the weights (Buades,
    Coll and Morel, CVPR 2005; Darbon et al., ISBI 2008, for one pass per offset). Rician magnitudes are averaged
    as squares and lose 2 sigma^2, their bias (Wiest-Daesslé et al., MICCAI 2008). `image`: [h, w] or [i, j, k];
    `spacing`: mm along each axis. Returns float32 of the same shape, in the image's unit.
    """
    values = np.asarray(image, np.float32)
    sigma = estimate_sigma(values) if settings.sigma is None else settings.sigma
    if sigma <= 0:
        return values.copy()
    wide = [length <= settings.anisotropy * min(spacing) for length in spacing]
    reach = [settings.search * take for take in wide]
    patch = [settings.patch * take for take in wide]
    margin = [(a + b, a + b) for a, b in zip(reach, patch, strict=True)]
    padded = np.pad(values, margin, mode="symmetric")
    squared = settings.noise == "rician"
    total, weight = _averaged(padded, padded**2 if squared else padded, reach, patch, (sigma, settings.strength))
    inner = tuple(slice(low, low + size) for (low, _), size in zip(margin, values.shape, strict=True))
    mean = total[inner] / weight[inner]
    if squared:
        mean = np.sqrt(np.maximum(mean - 2 * sigma**2, 0))
    return np.asarray(mean, np.float32)


def _averaged(
    guide: np.ndarray, values: np.ndarray, reach: list[int], patch: list[int], noise: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of weighted values and of weights; every pair of voxels is compared once and counts for both."""
    sigma, strength = noise
    total, weight = values.astype(np.float64), np.ones(guide.shape)
    size = [2 * radius + 1 for radius in patch]
    for offset in _half(reach):
        here = tuple(slice(max(0, -o), n - max(0, o)) for o, n in zip(offset, guide.shape, strict=True))
        there = tuple(slice(max(0, o), n - max(0, -o)) for o, n in zip(offset, guide.shape, strict=True))
        apart = uniform_filter((guide[here] - guide[there]) ** 2, size, mode="nearest")
        alike = np.exp(-np.maximum(apart - 2 * sigma**2, 0) / (strength * sigma) ** 2)
        total[here] += alike * values[there]
        weight[here] += alike
        total[there] += alike * values[here]
        weight[there] += alike
    return total, weight


def _half(reach: list[int]) -> Iterator[tuple[int, ...]]:
    """One of each two opposite offsets within `reach`, without the one that goes nowhere."""
    for offset in product(*(range(-radius, radius + 1) for radius in reach)):
        if offset > (0,) * len(reach):
            yield offset
