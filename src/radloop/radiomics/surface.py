"""The surface of a region: a mesh half-way between voxels inside and outside, never built whole.

Of a mask every vertex lies in the middle of an edge, so the 256 ways in which the eight voxels around a corner may lie
are the only pieces there are: a histogram of ways gives area and volume. Source: Lorensen and Cline, 1987; IBSI-1
reference manual, section 3.1.1.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_CORNERS = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)])
_WAYS = 256


def area_and_volume(mask: np.ndarray, spacing: np.ndarray) -> tuple[float, float]:
    """Square and cubic millimetres of the mesh around `mask`, bool [i, j, k], padded by at least one voxel of False."""
    ways = sum(
        mask[tuple(slice(c, n - 1 + c) for c, n in zip(corner, mask.shape, strict=True))].astype(np.uint8) << bit
        for bit, corner in enumerate(_CORNERS.tolist())
    )
    way, triangles, weight = _pieces()
    sides = np.diff(triangles * spacing, axis=1)
    vectors = np.cross(sides[:, 0], sides[:, 1]) * weight[:, None] / 2
    count = np.bincount(np.ravel(ways), minlength=_WAYS)
    area = np.bincount(way, np.linalg.norm(vectors, axis=1), _WAYS) @ count
    # the flux of (x, 0, 0) through a closed surface is what it encloses
    local = np.bincount(way, triangles.mean(axis=1)[:, 0] * spacing[0] * vectors[:, 0], _WAYS)
    facing = np.bincount(way, vectors[:, 0], _WAYS)
    place = np.arange(mask.shape[0] - 1) * spacing[0]
    by_slice = facing[ways].sum(axis=(1, 2))
    return float(area), float(local @ count + place @ by_slice)


def vertices(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Where the mesh around a padded `mask` has vertices, float64 [n, 3] in mm from the first voxel's centre."""
    found: list[np.ndarray] = []
    for axis in range(3):
        crossing = np.argwhere(np.diff(mask, axis=axis)).astype(np.float64)
        crossing[:, axis] += 0.5
        found.append(crossing)
    return np.asarray(np.concatenate(found) * spacing)


@cache
def _pieces() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The way [n] that each triangle belongs to, its corners [n, 3, 3] in voxels, and how much of it counts [n]."""
    way, triangles, weight = [], [], []
    for number in range(1, _WAYS - 1):
        inside = [bool(number >> bit & 1) for bit in range(8)]
        for loop in _loops(inside):
            cuts = [loop[np.array(cut)] for cut in _triangulations(0, len(loop) - 1)]
            # the usual tables bulge outwards here, as those that the standard's values were made with; where several
            # do equally, each counts by its share, or a turned region would have another volume
            best = [cut for cut in cuts if _area(cut) == max(map(_area, cuts))]
            for cut in best:
                way += [number] * len(cut)
                triangles += list(cut)
                weight += [1 / len(best)] * len(cut)
    return np.array(way), np.array(triangles), np.array(weight)


def _area(triangles: np.ndarray) -> float:
    sides = np.diff(triangles, axis=1)
    return float(np.round(np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1).sum(), 9))


def _triangulations(first: int, last: int) -> list[list[tuple[int, int, int]]]:
    """Every way to cut the polygon of the corners `first` to `last` into triangles."""
    if last - first < 2:
        return [[]]
    return [
        [*one, (first, middle, last), *other]
        for middle in range(first + 1, last)
        for one in _triangulations(first, middle)
        for other in _triangulations(middle, last)
    ]


def _loops(inside: list[bool]) -> list[np.ndarray]:
    """The closed lines [n, 3] in which the surface cuts the faces of a cube with these corners inside."""
    links = _links(inside)
    loops = []
    while links:
        start = min(links)
        path, here = [start], links[start][0]
        while here != start:
            before, path = path[-1], [*path, here]
            one, other = links[here]
            here = other if one == before else one
        for edge in path:
            del links[edge]
        loops.append(_outward(path, inside))
    return loops


def _links(inside: list[bool]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Which cut edges of the cube a line on a face joins; where four edges of a face are cut, corners inside part."""
    links: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for axis in range(3):
        for side in (0, 1):
            ring = _ring(axis, side)
            edges = [tuple(sorted((ring[n], ring[(n + 1) % 4]))) for n in range(4)]
            cut = [n for n in range(4) if inside[edges[n][0]] != inside[edges[n][1]]]
            # the edges on both sides of an inside corner belong together
            pairs = [(n - 1, n) for n in range(4) if inside[ring[n]]] if len(cut) == 4 else [tuple(cut)] if cut else []
            for one, other in pairs:
                links.setdefault(edges[one], []).append(edges[other])  # type: ignore[arg-type]
                links.setdefault(edges[other], []).append(edges[one])  # type: ignore[arg-type]
    return links


def _ring(axis: int, side: int) -> list[int]:
    """The four corners of a face, in turn."""
    first, second = (one for one in range(3) if one != axis)
    found: list[int] = []
    for u, v in ((0, 0), (0, 1), (1, 1), (1, 0)):
        corner = [0, 0, 0]
        corner[axis], corner[first], corner[second] = side, u, v
        found.append(corner[0] * 4 + corner[1] * 2 + corner[2])
    return found


def _outward(path: list[tuple[int, int]], inside: list[bool]) -> np.ndarray:
    loop = np.array([(_CORNERS[one] + _CORNERS[other]) / 2 for one, other in path])
    out = sum((_CORNERS[other] - _CORNERS[one]) * (1 if inside[one] else -1) for one, other in path)
    facing = np.cross(loop, np.roll(loop, -1, axis=0)).sum(axis=0)
    return loop if facing @ out > 0 else loop[::-1]
