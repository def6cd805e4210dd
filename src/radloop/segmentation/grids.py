"""From a scanner's grid to the one that a network learns on, and back: by millimetres, never by voxel counts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy import ndimage

from radloop.dicom.volume import Volume


@dataclass(frozen=True, eq=False)
class Grid:
    """Where voxels lie: `shape` [i, j, k] and the `affine` [4, 4] to LPS millimetres."""

    shape: tuple[int, int, int]
    affine: np.ndarray

    @classmethod
    def of(cls, volume: Volume) -> Grid:
        """The grid on which a volume came."""
        i, j, k = volume.voxels.shape
        return cls((i, j, k), volume.affine)

    @property
    def spacing(self) -> np.ndarray:
        """Millimetres between voxels along each axis, float64 [3]."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))


def canonical_grid(volume: Volume, spacing: tuple[float, ...]) -> Grid:
    """The grid of `spacing` millimetres over all of a volume, its axes nearest to left, back and head in this order.

    The volume's own tilt stays: only axes are exchanged and mirrored, so that equal spacings resample nothing and
    every scan of a patient reaches the network the same way round.
    """
    own = Grid.of(volume)
    order, signs = nearest_axes(volume.affine)
    directions = (own.affine[:3, :3] / own.spacing)[:, order] * signs
    extent = (np.array(own.shape) * own.spacing)[order]
    step = np.array(spacing, np.float64)
    shape = np.maximum(1, np.ceil(extent / step - 0.01)).astype(int)
    middle = volume.positions((np.array(own.shape) - 1)[None] / 2)[0]
    affine = np.eye(4)
    affine[:3, :3] = directions * step
    affine[:3, 3] = middle - affine[:3, :3] @ ((shape - 1) / 2)
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)


def nearest_axes(affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which axis of a volume runs nearest to each of LPS, and its sign: int [3] and float [3]."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    order = np.array(
        max(permutations(range(3)), key=lambda axes: sum(abs(directions[i, a]) for i, a in enumerate(axes)))
    )
    return order, np.where(directions[range(3), order] < 0, -1.0, 1.0)


def turned(volume: Volume) -> Volume:
    """The same voxels in the same places, axes exchanged and mirrored until they run to left, back and head."""
    order, signs = nearest_axes(volume.affine)
    affine = np.eye(4)
    affine[:3, :3] = volume.affine[:3, order] * signs
    first = np.where(signs < 0, np.array(volume.voxels.shape)[order] - 1, 0)
    corner = np.zeros(3)
    corner[order] = first
    affine[:3, 3] = volume.positions(corner[None])[0]
    return Volume(turned_voxels(volume.voxels, volume.affine), affine, volume.frame_of_reference, volume.unit)


def turned_voxels(voxels: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Voxels [i, j, k] of a grid with this affine, axes running to left, back and head."""
    order, signs = nearest_axes(affine)
    return np.transpose(voxels, order)[tuple(slice(None, None, int(sign)) for sign in signs)]


def sample(volume: Volume, grid: Grid) -> np.ndarray:
    """The values of a volume at the places of a grid, linear between voxels, float32 [grid.shape].

    Finer voxels are averaged first where the grid is coarser, or their noise would alias. Beyond the volume its
    nearest voxel counts.
    """
    values = volume.voxels.astype(np.float32, copy=False)
    coarser = grid.spacing[_nearest(volume, grid)] / volume.spacing
    width = 0.5 * np.sqrt(np.maximum(coarser**2 - 1.0, 0.0))
    if (coarser > 1.05).any():
        values = ndimage.gaussian_filter(values, np.where(coarser > 1.05, width, 0.0), mode="nearest")
    return _at(values, volume, grid, "nearest")


def sample_labels(labels: np.ndarray, volume: Volume, grid: Grid) -> np.ndarray:
    """The labels of a mask on the grid of `volume` at the places of `grid`, uint8, 0 beyond the volume.

    Each class is sampled as a field and the largest wins, which keeps surfaces smooth where the grids differ.
    """
    if _same(Grid.of(volume), grid):
        return labels.astype(np.uint8)
    best = 1.0 - _at((labels > 0).astype(np.float32), volume, grid, "constant")
    sampled = np.zeros(grid.shape, np.uint8)
    for number in np.unique(labels[labels > 0]):
        share = _at((labels == number).astype(np.float32), volume, grid, "constant")
        sampled[share > best] = number
        best = np.maximum(best, share)
    return sampled


def sample_back(scores: np.ndarray, grid: Grid, volume: Volume) -> np.ndarray:
    """Scores of classes [classes, grid.shape] as labels on the voxels of `volume`, uint8 [i, j, k]."""
    target, best, labels = Grid.of(volume), None, np.zeros(volume.voxels.shape, np.uint8)
    for number, score in enumerate(scores):
        field = _at(np.ascontiguousarray(score, np.float32), Volume(score, grid.affine), target, "nearest")
        if best is None:
            best = field
            continue
        labels[field > best] = number
        best = np.maximum(best, field)
    return labels


def _at(values: np.ndarray, volume: Volume, grid: Grid, beyond: str) -> np.ndarray:
    """Values [i, j, k] on the grid of `volume` at the places of `grid`."""
    to_index = np.linalg.solve(volume.affine, grid.affine)
    sampled = ndimage.affine_transform(
        values, to_index[:3, :3], to_index[:3, 3], output_shape=grid.shape, order=1, mode=beyond, prefilter=False
    )
    return np.asarray(sampled, np.float32)


def _nearest(volume: Volume, grid: Grid) -> np.ndarray:
    """For each axis of the volume, the grid's that runs along it."""
    turned = np.abs((volume.affine[:3, :3] / volume.spacing).T @ (grid.affine[:3, :3] / grid.spacing))
    return np.asarray(turned.argmax(axis=1))


def _same(one: Grid, other: Grid) -> bool:
    return one.shape == other.shape and np.allclose(one.affine, other.affine, atol=1e-4)
