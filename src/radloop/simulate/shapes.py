"""Path lengths through simple solids, and look-up tables that make any profile cheap."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from radloop.simulate.kernels import Plane

PER_MM = 2
LOWEST, HIGHEST = -400, 400
"""A profile along the body is tabulated over this range of mm."""
GRID = np.arange(LOWEST, HIGHEST, 1 / PER_MM)


def profile(knots: Sequence[tuple[float, float]], smooth: float = 12.0) -> Plane:
    """Tabulate a smooth curve through (mm, value) knots, so that any anatomy can be drawn by hand.

    smooth: mm of rounding at the knots. Returns a table for `along`.
    """
    at, value = zip(*knots, strict=True)
    table = np.interp(GRID, at, value)
    width = max(1, round(smooth * PER_MM))
    for _ in range(2):
        padded = np.concatenate([np.full(width, table[0]), table, np.full(width, table[-1])])
        total = np.cumsum(padded)
        table = (total[2 * width :] - total[: -2 * width]) / (2 * width)
    return np.asarray(table, np.float32)


def along(table: Plane, y: Plane) -> Plane:
    """Read a `profile` table at every `y` (mm)."""
    index = ((y - np.float32(LOWEST)) * np.float32(PER_MM)).astype(np.int32)
    taken: Plane = np.take(table, index, mode="clip")
    return taken


@lru_cache(maxsize=64)
def _edge_table(left: float, right: float, root: float) -> Plane:
    u = np.linspace(-1, 1, 2049)
    power = np.where(u < 0, left, right)
    return np.asarray(np.maximum(1 - np.abs(u) ** power, 0) ** root, np.float32)


def bulge(u: Plane, left: float = 2.0, right: float = 2.0, root: float = 0.5) -> Plane:
    """A bump of height 1 that falls to 0 at u = -1 and u = 1: (1 - |u|^power)^root."""
    table = _edge_table(left, right, root)
    index = ((u + np.float32(1)) * np.float32(1024) + np.float32(0.5)).astype(np.int32)
    taken: Plane = np.take(table, index, mode="clip")
    return taken


def chord(
    x: Plane, y: Plane, centre: tuple[float, float], axes: tuple[float, float, float], angle: float = 0.0
) -> Plane:
    """Path length (mm) along the beam through an ellipsoid of half axes `axes` (mm)."""
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    u = (cos * dx + sin * dy) * np.float32(1 / axes[0])
    v = (cos * dy - sin * dx) * np.float32(1 / axes[1])
    inside = np.float32(1) - u * u - v * v
    return np.sqrt(np.maximum(inside, np.float32(0))) * np.float32(2 * axes[2])


def union(paths: Sequence[Plane]) -> Plane:
    """Join overlapping solids smoothly: between the longest path and the sum (a 4-norm)."""
    total = np.zeros_like(paths[0])
    for path in paths:
        square = path * path
        total += square * square
    return np.sqrt(np.sqrt(total))


def step(x: Plane, at: float, width: float) -> Plane:
    """A smooth step from 0 to 1 around `at`, `width` wide (mm)."""
    t = np.clip((x - np.float32(at)) * np.float32(1 / width) + np.float32(0.5), 0, 1)
    return np.asarray(t * t * (np.float32(3) - np.float32(2) * t))


def gauss(x: Plane, at: float, sigma: float) -> Plane:
    """A bell of height 1 around `at`."""
    t = (x - np.float32(at)) * np.float32(1 / sigma)
    return np.exp(np.float32(-0.5) * t * t)
