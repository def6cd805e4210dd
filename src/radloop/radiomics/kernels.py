"""The compiled loops over voxels that texture is counted with; each visits only the region, never the box around it.

Levels lie flat, in a box padded by one voxel of 0, so that a step to a neighbour needs no look at the box's edge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Levels = NDArray[np.int32]
Counts = NDArray[np.uint32]
Reals = NDArray[np.float64]
Compiled = TypeVar("Compiled", bound=Callable[..., Any])


def compiled(function: Compiled) -> Compiled:
    """Compile once per machine, without fastmath: sums must not depend on the compiler's mood."""
    return cast(Compiled, numba.njit(cache=True, nogil=True)(function))


@compiled
def count_pairs(levels: Levels, inside: Ints, plane: Ints, steps: Ints, counts: Counts) -> None:
    """Add every pair of neighbours, both ways round, to `counts` [planes, directions, levels, levels]."""
    for v in range(len(inside)):
        here, p = inside[v], plane[v]
        level = levels[here] - 1
        for d in range(len(steps)):
            other = levels[here + steps[d]] - 1
            if other >= 0:
                counts[p, d, level, other] += 1
                counts[p, d, other, level] += 1


@compiled
def count_runs(levels: Levels, inside: Ints, plane: Ints, steps: Ints, counts: Counts) -> None:
    """Add every run of equal levels to `counts` [planes, directions, levels, lengths]."""
    for v in range(len(inside)):
        here, p = inside[v], plane[v]
        level = levels[here]
        for d in range(len(steps)):
            step = steps[d]
            if levels[here - step] == level:
                continue
            length = 1
            while levels[here + length * step] == level:
                length += 1
            counts[p, d, level - 1, length - 1] += 1


@compiled
def find_zones(levels: Levels, inside: Ints, steps: Ints, depth: Levels) -> tuple[Ints, Ints, Ints]:
    """Zones of connected voxels of one level: the place in `inside` of a voxel of each, its size, its least depth.

    `inside` ascends and `steps` lead forward, so that every neighbour a step back has been seen. `depth` is told for
    each voxel of `inside`.
    """
    n = len(inside)
    place = np.full(len(levels), -1, np.int32)
    parent = np.arange(n)
    for v in range(n):
        here = inside[v]
        place[here] = v
        root = v
        for d in range(len(steps)):
            back = here - steps[d]
            if levels[back] != levels[here]:
                continue
            other = place[back]
            while parent[other] != other:
                parent[other] = parent[parent[other]]
                other = parent[other]
            if other < root:
                parent[root] = other
                root = other
            else:
                parent[other] = root
    size, least = np.zeros(n, np.int64), np.full(n, 1 << 30, np.int64)
    for v in range(n):
        root = v
        while parent[root] != root:
            root = parent[root]
        parent[v] = root
        size[root] += 1
        least[root] = min(least[root], depth[v])
    roots = np.flatnonzero(size)
    return roots, size[roots], least[roots]


@compiled
def border_distance(mask: NDArray[np.bool_], in_plane: bool) -> NDArray[np.int32]:
    """City-block steps of every voxel of a padded mask [i, j, k] to the nearest voxel outside it, at least 1 inside.

    Two sweeps are exact in this metric; `in_plane` takes no step along k.
    """
    ni, nj, nk = mask.shape
    far = np.int32(ni + nj + nk)
    found = np.zeros(mask.shape, np.int32)
    for i in range(1, ni - 1):
        for j in range(1, nj - 1):
            for k in range(1, nk - 1):
                if mask[i, j, k]:
                    near = min(found[i - 1, j, k], found[i, j - 1, k])
                    if not in_plane:
                        near = min(near, found[i, j, k - 1])
                    found[i, j, k] = min(near + 1, far)
    for i in range(ni - 2, 0, -1):
        for j in range(nj - 2, 0, -1):
            for k in range(nk - 2, 0, -1):
                if mask[i, j, k]:
                    near = min(found[i + 1, j, k], found[i, j + 1, k])
                    if not in_plane:
                        near = min(near, found[i, j, k + 1])
                    found[i, j, k] = min(found[i, j, k], near + 1)
    return found


@compiled
def look_around(
    levels: Levels, inside: Ints, plane: Ints, steps: Ints, coarseness: int, shape: tuple[int, int]
) -> tuple[Reals, Counts]:
    """How each voxel differs from the mean of its neighbours, and how many of them are like it, by plane and level.

    `shape` tells planes and levels, `steps` lead both ways. The first array [planes, 2, levels] counts voxels with
    neighbours and adds up their differences; the second [planes, levels, 1 + neighbours] counts voxels by how many
    neighbours are at most `coarseness` levels apart. A voxel without neighbours is in the second alone.
    """
    counts = np.zeros((shape[0], 2, shape[1]))
    dependence = np.zeros((shape[0], shape[1], 1 + len(steps)), np.uint32)
    for v in range(len(inside)):
        here, p = inside[v], plane[v]
        level = levels[here]
        total, neighbours, alike = 0, 0, 0
        for d in range(len(steps)):
            other = levels[here + steps[d]]
            if other:
                total += other
                neighbours += 1
                if abs(other - level) <= coarseness:
                    alike += 1
        dependence[p, level - 1, alike] += 1
        if neighbours:
            counts[p, 0, level - 1] += 1
            counts[p, 1, level - 1] += abs(level - total / neighbours)
    return counts, dependence


@compiled
def sum_matrices(counts: Counts, sides: Reals, differences: Reals, sums: Reals, scalars: Reals) -> None:
    """What every feature of symmetric matrices [n, levels, levels] follows from, in one pass over them.

    Fills the marginal `sides` [n, levels], the shares of each `differences` [n, levels] and `sums` [n, 2 levels - 1],
    and `scalars` [n, 3]: largest share, entropy in bits, sum of squares. All are NaN of an empty matrix.
    """
    n, levels = counts.shape[:2]
    for m in range(n):
        total = 0.0
        for i in range(levels):
            for j in range(levels):
                total += counts[m, i, j]
        if total == 0:
            sides[m], differences[m], sums[m], scalars[m] = np.nan, np.nan, np.nan, np.nan
            continue
        for i in range(levels):
            for j in range(levels):
                if counts[m, i, j]:
                    share = counts[m, i, j] / total
                    sides[m, i] += share
                    differences[m, abs(i - j)] += share
                    sums[m, i + j] += share
                    scalars[m, 0] = max(scalars[m, 0], share)
                    scalars[m, 1] -= share * np.log2(share)
                    scalars[m, 2] += share * share


@compiled
def sum_spheres(sums: Reals, inside: Ints, rows: Ints, found: Reals) -> None:
    """Add up a sphere around each voxel of `inside` [v, 3] into `found` [v, 2]: its total and its number of voxels.

    `sums` [i, j, k + 1] are running sums along k, `rows` [r, 3] a sphere's rows: offsets along i and j, half length.
    """
    ni, nj, nk = sums.shape[0], sums.shape[1], sums.shape[2] - 1
    for v in range(len(inside)):
        for r in range(len(rows)):
            i, j = inside[v, 0] + rows[r, 0], inside[v, 1] + rows[r, 1]
            if 0 <= i < ni and 0 <= j < nj:
                first = max(inside[v, 2] - rows[r, 2], 0)
                last = min(inside[v, 2] + rows[r, 2] + 1, nk)
                found[v, 0] += sums[i, j, last] - sums[i, j, first]
                found[v, 1] += last - first
