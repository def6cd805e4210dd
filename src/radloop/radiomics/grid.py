"""Resampling onto a grid of another spacing, axis by axis: a spline in space is a product of splines along axes.

Source: IBSI-1 reference manual, section 2.4 (grids aligned by their centres).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse

Slices = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Grid:
    """A grid whose centre is that of the old one; `step` and `first` are in old voxels, `spacing` in mm, [3] each."""

    spacing: np.ndarray
    step: np.ndarray
    count: np.ndarray
    first: np.ndarray

    @classmethod
    def over(cls, shape: tuple[int, ...], old: np.ndarray, new: np.ndarray) -> Grid:
        """As many voxels of spacing `new` as cover `shape` voxels of spacing `old`."""
        step, sizes = new / old, np.array(shape)
        count = np.ceil(sizes / step - 1e-9).astype(int)
        return cls(new, step, count, (sizes - 1 - (count - 1) * step) / 2)

    def covering(self, old: Slices) -> Slices:
        """The new voxels whose centres lie in a box of old voxels, at least one along each axis."""
        start = np.array([part.start for part in old]) - 0.5
        stop = np.array([part.stop for part in old]) - 0.5
        begin = np.clip(np.ceil((start - self.first) / self.step), 0, self.count - 1).astype(int)
        end = np.clip(np.floor((stop - self.first) / self.step) + 1, begin + 1, self.count).astype(int)
        return tuple(slice(int(one), int(other)) for one, other in zip(begin, end, strict=True))

    def sample(self, array: np.ndarray, start: list[int], box: Slices, order: int) -> np.ndarray:
        """The new voxels of `box`, of an `array` of old ones [i, j, k] that begins at the old voxel `start`.

        `order` is that of the spline, 0, 1 or 3. What lies beyond the array is like its edge.
        """
        found = ndimage.spline_filter(array, 3, np.float64, "mirror") if order == 3 else array.astype(np.float64)
        for axis in range(3):
            place = self.first[axis] + np.arange(box[axis].start, box[axis].stop) * self.step[axis] - start[axis]
            weights = _weights(np.clip(place, 0, array.shape[axis] - 1), array.shape[axis], order)
            moved = np.moveaxis(found, axis, 0)
            flat = weights @ moved.reshape(moved.shape[0], -1)
            found = np.moveaxis(flat.reshape(-1, *moved.shape[1:]), 0, axis)
        return np.ascontiguousarray(found)


def _weights(place: np.ndarray, size: int, order: int) -> sparse.csr_array:
    """What each of `size` old voxels counts at each place [n] between 0 and size - 1."""
    if order == 0:
        offsets, shares = [0], [np.ones(place.size)]
        base = np.rint(place).astype(int)
    else:
        base = np.floor(place).astype(int)
        t = place - base
        offsets, shares = ([0, 1], [1 - t, t]) if order == 1 else ([-1, 0, 1, 2], _cubic(t))
    # a spline goes on beyond its ends as in a mirror
    columns = np.abs(np.stack([base + offset for offset in offsets]))
    columns = np.where(columns > size - 1, np.maximum(2 * (size - 1) - columns, 0), columns)
    rows = np.broadcast_to(np.arange(place.size), columns.shape)
    return sparse.csr_array((np.concatenate(shares), (rows.ravel(), columns.ravel())), (place.size, size))


def _cubic(t: np.ndarray) -> list[np.ndarray]:
    """The four pieces of a cubic B-spline at a share `t` of the way to the next voxel."""
    u = 1 - t
    return [u**3 / 6, (4 - 6 * t**2 + 3 * t**3) / 6, (4 - 6 * u**2 + 3 * u**3) / 6, t**3 / 6]
