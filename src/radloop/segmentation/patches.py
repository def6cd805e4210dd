"""Patches of volumes as a network eats them: cut where the labels are, from one memory-mapped row of all voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

#: Labelled voxels of one class and case that are remembered to cut around, at most; they are drawn, not the first.
SPOTS = 2000


@dataclass(frozen=True)
class Cases:
    """One split: the voxels of all its cases behind one another, so that one file holds volumes of any shape.

    `voxels`: float16, memory-mapped, each case as [channels, i, j, k]; `labels`: uint8, each as [i, j, k];
    `offsets`: where each case begins among `labels`; `shapes`: int [n, 3]; `spots`: of each case, of each class that
    it shows, int [m] of flat voxels.
    """

    voxels: np.ndarray
    labels: np.ndarray
    offsets: np.ndarray
    shapes: np.ndarray
    channels: int
    spots: tuple[tuple[np.ndarray, ...], ...]

    def __len__(self) -> int:
        return len(self.offsets)

    def image(self, case: int) -> np.ndarray:
        """Voxels of one case, float16 [channels, i, j, k]."""
        start, size = int(self.offsets[case]), self._size(case)
        flat = self.voxels[self.channels * start : self.channels * (start + size)]
        return np.asarray(flat.reshape(self.channels, *self.shapes[case]))

    def mask(self, case: int) -> np.ndarray:
        """Labels of one case, uint8 [i, j, k]."""
        start = int(self.offsets[case])
        return self.labels[start : start + self._size(case)].reshape(self.shapes[case])

    def _size(self, case: int) -> int:
        return int(np.prod(self.shapes[case]))

    def batch(
        self, size: int, reach: tuple[int, ...], foreground: float, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`size` patches of `reach` voxels: float32 [size, channels, *reach] and uint8 [size, *reach].

        A share `foreground` of them lies around a voxel of a class drawn among those that the case shows, because
        most of a volume is background (Isensee et al., Nature Methods 2021). Beyond the volume there is 0, label 0.
        """
        images = torch.zeros(size, self.channels, *reach)
        labels = torch.zeros(size, *reach, dtype=torch.uint8)
        draws = torch.rand(size, 6, generator=generator, dtype=torch.float64).numpy()
        for row, draw in enumerate(draws):
            case = int(draw[0] * len(self))
            start = self._start(case, reach, draw[1] < foreground, draw[2:])
            _cut(self.image(case), start, images[row].numpy())
            _cut(self.mask(case)[None], start, labels[row].numpy()[None])
        return images, labels

    def _start(self, case: int, reach: tuple[int, ...], labelled: bool, draw: np.ndarray) -> np.ndarray:
        shape = self.shapes[case]
        if labelled and self.spots[case]:
            spots = self.spots[case][int(draw[0] * len(self.spots[case]))]
            centre = np.array(np.unravel_index(spots[int(draw[1] * len(spots))], tuple(shape)))
            return place(centre - np.array(reach) // 2, shape, reach)
        loose = np.maximum(shape - np.array(reach), 0) + 1
        return place((draw[1:] * loose).astype(int), shape, reach)


def place(start: np.ndarray, shape: np.ndarray, reach: tuple[int, ...]) -> np.ndarray:
    """Where a patch begins so that it leaves the volume only where the volume is smaller, and then evenly."""
    loose = shape - np.array(reach)
    return np.asarray(np.where(loose < 0, loose // 2, np.clip(start, 0, np.maximum(loose, 0))))


def _cut(source: np.ndarray, start: np.ndarray, target: np.ndarray) -> None:
    """Copy [channels, i, j, k] from `start` into `target`, leaving what lies beyond the source as it is."""
    reach, shape = np.array(target.shape[1:]), np.array(source.shape[1:])
    low, high = np.maximum(start, 0), np.minimum(start + reach, shape)
    inside = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    there = tuple(slice(a, b) for a, b in zip(low - start, high - start, strict=True))
    target[(slice(None), *there)] = source[(slice(None), *inside)]


def spots_of(mask: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """Flat places of each class that a mask shows, in the order of the classes, at most `SPOTS` of each."""
    flat = mask.reshape(-1)
    generator = np.random.default_rng(seed)
    found = []
    for number in np.unique(flat[flat > 0]):
        places = np.flatnonzero(flat == number)
        if len(places) > SPOTS:
            places = np.sort(generator.choice(places, SPOTS, replace=False))
        found.append(places)
    return tuple(found)
