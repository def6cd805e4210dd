"""The slow change of brightness that a coil leaves on an MR image, found by sharpening its histogram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

from radloop.imaging.nonlocal_means import tissue
from radloop.sections.noise import BiasField

#: Voxels a side on which the field is sought; it is smooth, so that more would only cost.
SIDE = 28
#: Bins of the histogram of logarithms, and of the transform in which it is sharpened.
BINS, PADDED = 200, 512
#: What Wiener's filter takes for noise in the histogram (Sled, Zijdenbos and Evans 1998).
WIENER = 0.01
#: Stiffness of the splines, as a share of what the voxels weigh: it decides only where there are none.
STIFFNESS = 1e-3
#: Most control intervals along an axis: a field that follows finer structure would take anatomy away.
FINEST = 8


def correct_bias_field(image: np.ndarray, spacing: tuple[float, ...], settings: BiasField) -> np.ndarray:
    """The image without its bias field, so that one tissue has one brightness; the mean brightness of tissue stays.

    `image`: magnitudes [h, w] or [i, j, k]; `spacing`: mm along each axis. Returns float32 of the same shape.
    """
    return np.asarray(image / bias_field(image, spacing, settings), np.float32)


def bias_field(image: np.ndarray, spacing: tuple[float, ...], settings: BiasField) -> np.ndarray:
    """The field that multiplies an MR image, positive, around 1.

    As N4 does (Tustison et al., IEEE Transactions on Medical Imaging 29, 2010): the logarithm's histogram is
    deconvolved by a Gaussian, what each voxel lacks to the sharper histogram is smoothed by cubic B-splines, and
    that again on meshes of 1, 2, 4 ... intervals until control points lie `distance` apart. Written anew, on block
    means of at most 28 a side, with splines by penalised least squares. `image`: magnitudes [h, w] or [i, j, k].
    Returns float32 of the same shape, 1 where nothing is positive.
    """
    small, places = _blocks(np.asarray(image, np.float64))
    inside = tissue(small) & (small > 0)
    field = np.ones(image.shape, np.float32)
    if np.count_nonzero(inside) < 2 * BINS or np.ptp(small[inside]) == 0:
        return field
    logs = np.log(np.where(inside, small, 1.0))
    extents = [length * size for length, size in zip(spacing, image.shape, strict=True)]
    found = np.zeros(image.shape)
    there = np.zeros(small.shape)
    for meshes in _levels(extents, settings.distance):
        splines = _Splines([_basis(at, mesh) for at, mesh in zip(places, meshes, strict=True)], inside)
        moved = _level(logs - there, inside, splines, settings)
        there = there + splines.at(moved, splines.bases)
        full = [_basis(_centres(size), mesh) for size, mesh in zip(image.shape, meshes, strict=True)]
        found += splines.at(moved, full)
    return np.asarray(np.exp(found - there[inside].mean()), np.float32)


@dataclass(frozen=True)
class _Splines:
    """Tensor products of cubic B-splines on block centres: `bases` by axis, and the voxels that count."""

    bases: list[np.ndarray]
    inside: np.ndarray

    def system(self) -> np.ndarray:
        """The normal equations of a penalised fit, axis by axis, without ever writing the design matrix."""
        weights = self.inside.astype(np.float64)
        for basis in self.bases:  # each pass contracts the first axis and appends a pair of coefficients
            pairs = basis[:, :, None] * basis[:, None, :]
            weights = np.tensordot(weights, pairs.reshape(len(basis), -1), axes=(0, 0))
        sizes = [basis.shape[1] for basis in self.bases]
        axes = len(sizes)
        split = weights.reshape([size for size in sizes for _ in (0, 1)])
        order = [2 * axis for axis in range(axes)] + [2 * axis + 1 for axis in range(axes)]
        count = int(np.prod(sizes))
        normal = split.transpose(order).reshape(count, count)
        stiff = sum(_bending(sizes, axis) for axis in range(axes)) + 1e-3 * np.eye(count)
        return np.asarray(normal + STIFFNESS * np.trace(normal) / count * stiff)

    def moments(self, values: np.ndarray) -> np.ndarray:
        """What each spline sees of `values` inside."""
        seen = np.where(self.inside, values, 0.0)
        for basis in self.bases:
            seen = np.tensordot(seen, basis, axes=(0, 0))
        return seen

    def at(self, coefficients: np.ndarray, bases: list[np.ndarray]) -> np.ndarray:
        """The sum of splines on the grid of `bases`."""
        values = coefficients
        for basis in bases:
            values = np.tensordot(values, basis, axes=(0, 1))
        return values


def _level(logs: np.ndarray, inside: np.ndarray, splines: _Splines, settings: BiasField) -> np.ndarray:
    """The coefficients by which one mesh moves the logarithm, by repeated sharpening."""
    from scipy.linalg import cho_factor, cho_solve

    factor = cho_factor(splines.system())
    shape = tuple(basis.shape[1] for basis in splines.bases)
    coefficients, moved = np.zeros(shape), np.zeros(inside.shape)
    for _ in range(settings.iterations):
        rest = logs - moved
        lacking = np.zeros(inside.shape)
        lacking[inside] = rest[inside] - _sharpened(rest[inside], settings.fwhm)
        step = cho_solve(factor, splines.moments(lacking).ravel()).reshape(shape)
        change = splines.at(step, splines.bases)
        coefficients, moved = coefficients + step, moved + change
        if float(np.std(np.exp(change[inside]))) < settings.tolerance:
            break
    return coefficients


def _sharpened(logs: np.ndarray, fwhm: float) -> np.ndarray:
    """What each logarithm is expected to be once the histogram is deconvolved (Sled et al. 1998, section II)."""
    low, high = float(logs.min()), float(logs.max())
    width = (high - low) / (BINS - 1) or 1.0
    place = (logs - low) / width
    below = np.minimum(place.astype(np.intp), BINS - 2)
    share = place - below
    start = (PADDED - BINS) // 2
    histogram = np.bincount(below + start, 1 - share, PADDED) + np.bincount(below + start + 1, share, PADDED)
    away = np.minimum(np.arange(PADDED), PADDED - np.arange(PADDED)) * width
    blur = np.exp(-4 * np.log(2) * (away / fwhm) ** 2)
    response = np.fft.rfft(blur / blur.sum())
    wiener = np.conj(response) / (np.abs(response) ** 2 + WIENER)
    true = np.maximum(np.fft.irfft(np.fft.rfft(histogram) * wiener, PADDED), 0)
    centres = low + (np.arange(PADDED) - start) * width
    above = np.fft.irfft(np.fft.rfft(true * centres) * response, PADDED)
    all_ = np.fft.irfft(np.fft.rfft(true) * response, PADDED)
    expected = np.where(all_ > 1e-9 * all_.max(), above / np.maximum(all_, 1e-300), centres)
    return np.asarray(np.interp(logs, centres[start : start + BINS], expected[start : start + BINS]))


def _blocks(image: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Block means of at most 28 a side, and their centres as shares of each axis."""
    places = []
    for axis, size in enumerate(image.shape):
        edges = np.unique(np.linspace(0, size, min(size, SIDE) + 1).round().astype(np.intp))
        sums = np.add.reduceat(image, edges[:-1], axis=axis)
        lengths = np.diff(edges).reshape([-1 if a == axis else 1 for a in range(image.ndim)])
        image = sums / lengths
        places.append((edges[:-1] + edges[1:]) / (2 * size))
    return image, places


def _centres(size: int) -> np.ndarray:
    return np.asarray((np.arange(size) + 0.5) / size)


def _levels(extents: list[float], distance: float) -> list[list[int]]:
    """Intervals along each axis, from one to what `distance` allows."""
    most = [int(np.clip(round(extent / distance), 1, FINEST)) for extent in extents]
    steps = max(1, int(np.ceil(np.log2(max(most)))) + 1)
    return [[min(2**step, finest) for finest in most] for step in range(steps)]


def _basis(at: np.ndarray, intervals: int) -> np.ndarray:
    """Cubic B-splines on a uniform mesh of [0, 1], at the places `at`: [places, intervals + 3]."""
    knots = np.arange(-3, intervals + 4) / intervals
    return np.asarray(BSpline.design_matrix(at, knots, 3).toarray())


def _bending(sizes: list[int], axis: int) -> np.ndarray:
    """The penalty on second differences of coefficients along one axis."""
    found: np.ndarray = np.eye(1)
    for a, size in enumerate(sizes):
        bend = np.diff(np.eye(size), 2, axis=0)
        found = np.kron(found, bend.T @ bend if a == axis else np.eye(size))
    return found
