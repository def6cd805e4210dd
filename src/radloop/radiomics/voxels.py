"""A region's grey levels laid out for counting: flat and padded, with the steps that lead to neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from radloop.radiomics.kernels import border_distance, find_zones, look_around
from radloop.radiomics.region import Region

#: Half of the 26 neighbours of a voxel, so that no pair comes twice; those of one plane come first.
DIRECTIONS = np.array(
    [
        (1, 0, 0), (0, 1, 0), (1, 1, 0), (1, -1, 0), (0, 0, 1), (1, 0, 1), (1, 0, -1), (0, 1, 1), (0, 1, -1),
        (1, 1, 1), (1, 1, -1), (1, -1, 1), (1, -1, -1),
    ]
)  # fmt: skip
IN_PLANE = 4


@dataclass(frozen=True, eq=False)
class LevelBox:
    """Levels int32 from 1, 0 outside the region, padded by a voxel: `box` [i, j, k]; `mask` is the region of shape."""

    box: np.ndarray = field(repr=False)
    mask: np.ndarray = field(repr=False)
    _zones: dict[bool, tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)
    _surroundings: dict[tuple[bool, int], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, region: Region, levels: np.ndarray) -> LevelBox:
        """From the levels [n] of a region's counted voxels, cut to the region of shape."""
        places = np.nonzero(region.shape)
        cut = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in places)
        box = np.zeros(region.shape.shape, np.int32)
        box[region.counted] = levels
        return cls(np.pad(box[cut], 1), np.pad(region.shape[cut], 1))

    @cached_property
    def flat(self) -> np.ndarray:
        """The levels as one row, int32 [n]."""
        return np.ascontiguousarray(self.box).ravel()

    @cached_property
    def inside(self) -> np.ndarray:
        """Where in `flat` the voxels of the region are, ascending, int64 [v]."""
        return np.flatnonzero(self.flat)

    @cached_property
    def planes(self) -> np.ndarray:
        """Which of the slices that hold any of the region each voxel lies in, int64 [v], counted from 0."""
        return np.asarray(np.unique(self.inside % self.box.shape[2], return_inverse=True)[1]).astype(np.int64)

    @cached_property
    def levels(self) -> int:
        """The largest level."""
        return int(self.flat.max())

    def steps(self, in_plane: bool) -> np.ndarray:
        """Steps in `flat` forward to half of the neighbours, int64 [4] or [13]."""
        _, nj, nk = self.box.shape
        some = DIRECTIONS[:IN_PLANE] if in_plane else DIRECTIONS
        found: np.ndarray = some @ np.array([nj * nk, nk, 1])
        return found

    def zones(self, in_plane: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Zones of one level [z]: which voxel of `inside` each begins with, its size, its distance from the border.

        The border is that of the region of shape, and distance is city-block.
        """
        if in_plane not in self._zones:
            depth = border_distance(self.mask, in_plane).ravel()[self.inside]
            self._zones[in_plane] = find_zones(self.flat, self.inside, self.steps(in_plane), depth)
        return self._zones[in_plane]

    def surroundings(self, in_plane: bool, coarseness: int) -> tuple[np.ndarray, np.ndarray]:
        """What `look_around` counts, by slice within planes [slices, ...], as one matrix [1, ...] in space."""
        if (in_plane, coarseness) not in self._surroundings:
            steps = self.steps(in_plane)
            plane = self.planes if in_plane else np.zeros_like(self.planes)
            shape = int(plane.max()) + 1, self.levels
            around = np.concatenate([steps, -steps])
            found = look_around(self.flat, self.inside, plane, around, coarseness, shape)
            self._surroundings[in_plane, coarseness] = found
        return self._surroundings[in_plane, coarseness]
