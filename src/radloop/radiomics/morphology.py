"""Shape of a region, and how its intensities lie in it.

Source: IBSI-1 reference manual, section 3.1. The oriented minimum bounding box and the minimum volume enclosing
ellipsoid are left out: the standard has no value for them that implementations agree on.
"""

from __future__ import annotations

import numpy as np
from scipy import fft
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from scipy.special import eval_legendre

from radloop.radiomics.region import Region
from radloop.radiomics.statistics import ratio
from radloop.radiomics.surface import area_and_volume, vertices


def morphology(region: Region) -> dict[str, float]:
    """The family's features; NaN where a region is too small to have one, such as the flatness of one voxel."""
    places = np.nonzero(region.shape)
    cut = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in places)
    mask, spacing = np.pad(region.shape[cut], 1), region.spacing
    area, volume = area_and_volume(mask, spacing)
    hull = ConvexHull(vertices(mask, spacing))
    sides = np.array([part.stop - part.start for part in cut]) * spacing
    around = 2 * float(sides[0] * sides[1] + sides[1] * sides[2] + sides[0] * sides[2])
    found = _roundness(area, volume) | {
        "vol_approx": float(region.shape.sum() * spacing.prod()),
        "diam": float(pdist(hull.points[hull.vertices]).max()),
        "vol_dens_aabb": volume / float(sides.prod()),
        "area_dens_aabb": area / around,
        "vol_dens_conv_hull": volume / float(hull.volume),
        "area_dens_conv_hull": area / float(hull.area),
    }
    found |= _axes(np.column_stack(places) * spacing, area, volume)
    return found | _intensities(region, volume)


def _roundness(area: float, volume: float) -> dict[str, float]:
    sphere = 36 * np.pi * volume**2
    return {
        "volume": volume,
        "area_mesh": area,
        "av": area / volume,
        "comp_1": float(volume / (np.sqrt(np.pi) * area**1.5)),
        "comp_2": float(sphere / area**3),
        "sph_dispr": float(area / np.cbrt(sphere)),
        "sphericity": float(np.cbrt(sphere) / area),
        "asphericity": float(np.cbrt(area**3 / sphere) - 1),
    }


def _axes(centres: np.ndarray, area: float, volume: float) -> dict[str, float]:
    """Lengths of the principal axes of voxel centres [n, 3] in mm, and the ellipsoid that has them."""
    # the covariance of a sample, not of a population: so the reference values were computed
    spread = np.linalg.eigvalsh(np.cov(centres.T)) if len(centres) > 1 else np.zeros(3)
    least, minor, major = 4 * np.sqrt(np.maximum(spread, 0))
    least, minor, major = (float(0 if axis < 1e-9 * major else axis) for axis in (least, minor, major))
    return {
        "pca_maj_axis": major,
        "pca_min_axis": minor,
        "pca_least_axis": least,
        "pca_elongation": ratio(minor, major),
        "pca_flatness": ratio(least, major),
        "vol_dens_aee": ratio(volume, np.pi / 6 * least * minor * major),
        "area_dens_aee": ratio(area, _ellipsoid_area(major / 2, minor / 2, least / 2)),
    }


def _ellipsoid_area(a: float, b: float, c: float) -> float:
    """By the series of Legendre polynomials to degree 20 that the standard prescribes; 0 of a flat one.

    The standard's eccentricities are not those with which the series would be the area, so this is not the area, but
    what every implementation agrees on.
    """
    if not c:
        return 0.0
    alpha, beta = np.sqrt(1 - (b / a) ** 2), np.sqrt(1 - (c / a) ** 2)
    if alpha * beta < 1e-12:
        terms = np.array([1.0, *(0.0,) * 20]) if beta < 1e-12 else _limit(beta)
    else:
        degrees = np.arange(21)
        mixed = (alpha**2 + beta**2) / (2 * alpha * beta)
        terms = (alpha * beta) ** degrees / (1 - 4.0 * degrees**2) * eval_legendre(degrees, mixed)
    return float(4 * np.pi * a * b * terms.sum())


def _limit(beta: float) -> np.ndarray:
    """The series of two equal long axes, where the polynomials grow as fast as their factors vanish."""
    # a polynomial of large values is as its leading coefficient says
    degrees = np.arange(21)
    leading = np.cumprod([1.0, *((2 * n - 1) / n for n in range(1, 21))])
    return np.asarray(leading * (beta**2 / 2) ** degrees / (1 - 4.0 * degrees**2))


def _intensities(region: Region, volume: float) -> dict[str, float]:
    seen = region.values[region.counted]
    by_shape = np.argwhere(region.shape).mean(axis=0)
    weights = seen.sum()
    places = np.argwhere(region.counted)
    by_intensity = seen @ places / weights if weights else np.full(3, np.nan)
    moran, geary = autocorrelation(region)
    return {
        "com": float(np.linalg.norm((by_shape - by_intensity) * region.spacing)),
        "integ_int": float(seen.mean() * volume),
        "moran_i": moran,
        "geary_c": geary,
    }


def autocorrelation(region: Region) -> tuple[float, float]:
    """Moran's I and Geary's C over all pairs of voxels, weighed by 1 / distance; NaN where all are equal.

    Sums over pairs at one offset are a correlation, so a transform gives in n log n what pairs give in n squared.
    """
    places = np.nonzero(region.counted)
    cut = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in places)
    mask = region.counted[cut].astype(np.float64)
    seen = region.values[region.counted]
    many, scatter = seen.size, float(((seen - seen.mean()) ** 2).sum())
    if seen.max() == seen.min():
        return float("nan"), float("nan")
    away = np.where(mask, region.values[cut] - seen.mean(), 0.0)
    shape = tuple(fft.next_fast_len(2 * n - 1, real=True) for n in mask.shape)
    near = _spectrum_of_nearness(shape, region.spacing)
    inside, apart, square = (fft.rfftn(one, shape) for one in (mask, away, away**2))
    weights = float((near * np.abs(inside) ** 2).sum())
    products = float((near * np.abs(apart) ** 2).sum())
    squares = float((near * (np.conj(square) * inside).real).sum())
    return many / weights * products / scatter, (many - 1) / weights * (squares - products) / scatter


def _spectrum_of_nearness(shape: tuple[int, ...], spacing: np.ndarray) -> np.ndarray:
    """The transform of 1 / distance over a box that wraps, each frequency as often as half a spectrum leaves it out."""
    steps = [np.minimum(np.arange(n), n - np.arange(n)) * s for n, s in zip(shape, spacing, strict=True)]
    distance = np.sqrt(sum(step**2 for step in np.meshgrid(*steps, indexing="ij", sparse=True)))
    distance[0, 0, 0] = np.inf
    found = fft.rfftn(1 / distance).real
    found[..., 1 : (shape[2] + 1) // 2] *= 2
    return np.asarray(found)
