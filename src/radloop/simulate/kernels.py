"""The compiled inner loops: drawing tubes, resizing, blurring, growing trees.

Everything here works on plain arrays and knows no body part, so that other rooms can reuse it.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Rows = NDArray[np.int64]
Compiled = TypeVar("Compiled", bound=Callable[..., Any])

THINNEST_PX = 0.6
"""Thinner tubes are drawn this wide and fainter, so that they neither vanish nor sparkle."""


def compiled(function: Compiled) -> Compiled:
    """Compile once per machine and keep the machine code beside the source."""
    return cast(Compiled, numba.njit(cache=True, fastmath=True, nogil=True)(function))


@compiled
def _segment(nodes: Plane, n: int, nearest: Plane, value: Plane, first: Rows, last: Rows) -> tuple[int, int]:
    """Draw one straight piece into `value`; note which part of which rows it touched."""
    height, width = value.shape
    xa, ya, xb, yb = nodes[n, 0], nodes[n, 1], nodes[n + 1, 0], nodes[n + 1, 1]
    widest = max(nodes[n, 2], nodes[n + 1, 2], np.float32(THINNEST_PX))
    left, right = max(int(min(xa, xb) - widest), 0), min(int(max(xa, xb) + widest) + 2, width)
    y0, y1 = max(int(min(ya, yb) - widest), 0), min(int(max(ya, yb) + widest) + 2, height)
    radius_a, radius_run = nodes[n, 2], nodes[n + 1, 2] - nodes[n, 2]
    inner_a, inner_run = nodes[n, 3], nodes[n + 1, 3] - nodes[n, 3]
    path_a, path_run = nodes[n, 5], nodes[n + 1, 5] - nodes[n, 5]
    hollow, limit = np.float32(1) - nodes[n, 4], widest * widest
    dx, dy = xb - xa, yb - ya
    inverse = np.float32(1) / max(dx * dx + dy * dy, np.float32(1e-6))
    reach = widest / max(abs(dy) * np.sqrt(inverse), np.float32(1e-3)) + np.float32(1)
    for y in range(y0, y1):
        py = np.float32(y) - ya
        middle = xa + py * dx / dy if abs(dy) > np.float32(1e-3) else np.float32(0.5) * (xa + xb)
        x0, x1 = left, right
        if abs(dy) > np.float32(1e-3):
            x0 = max(left, int(max(middle - reach, np.float32(0))))
            x1 = min(right, int(max(middle + reach + np.float32(1), np.float32(0))))
        if x0 >= x1:
            continue
        first[y], last[y] = min(first[y], x0), max(last[y], x1)
        for x in range(x0, x1):
            px = np.float32(x) - xa
            t = min(max((px * dx + py * dy) * inverse, np.float32(0)), np.float32(1))
            ex, ey = px - t * dx, py - t * dy
            away = ex * ex + ey * ey
            if away >= limit:
                continue
            true = radius_a + t * radius_run
            radius = max(true, np.float32(THINNEST_PX))
            closeness = away / (radius * radius)
            if closeness < nearest[y, x]:
                chord = np.sqrt(radius * radius - away)
                inner = inner_a + t * inner_run
                if away < inner * inner:
                    chord -= hollow * np.sqrt(inner * inner - away)
                faint = true / radius
                path = path_a + t * path_run
                nearest[y, x] = closeness
                value[y, x] = path * faint * faint * (chord + chord)
    return y0, y1


@compiled
def add_tubes(out: Plane, nearest: Plane, value: Plane, nodes: Plane, starts: NDArray[np.int64]) -> None:
    """Add to `out` the path length through round tubes, so that bones and vessels share one law.

    `nodes` (n, 6) float32: x, y, radius, inner radius (all px), core (how much the inside of the
    inner radius counts, 1 is solid), path (mm of path per px of chord). Tube k takes the nodes
    `starts[k]:starts[k + 1]`. Along one tube the nearest segment counts, so bends are not counted
    twice; different tubes add up. `nearest` is one and `value` zero on entry and on exit, both
    of the shape of `out`.
    """
    height, width = out.shape
    first = np.full(height, width, np.int64)
    last = np.full(height, -1, np.int64)
    for k in range(len(starts) - 1):
        top, bottom = height, 0
        for n in range(starts[k], starts[k + 1] - 1):
            y0, y1 = _segment(nodes, n, nearest, value, first, last)
            top, bottom = min(top, y0), max(bottom, y1)
        for y in range(top, bottom):
            for x in range(first[y], last[y]):
                out[y, x] += value[y, x]
                value[y, x] = 0
                nearest[y, x] = 1
            first[y], last[y] = width, -1


@compiled
def resize(source: Plane, height: int, width: int) -> Plane:
    """Resize by linear interpolation with pixel centres aligned; keeps smooth maps smooth."""
    out = np.empty((height, width), np.float32)
    rows, columns = source.shape
    left = np.empty(width, np.int64)
    weight = np.empty(width, np.float32)
    for x in range(width):
        at = min(max((x + 0.5) * columns / width - 0.5, 0.0), columns - 1.0)
        left[x] = min(int(at), columns - 2)
        weight[x] = at - left[x]
    mixed = np.empty(columns, np.float32)
    for y in range(height):
        at = min(max((y + 0.5) * rows / height - 0.5, 0.0), rows - 1.0)
        above = min(int(at), rows - 2)
        share = np.float32(at - above)
        for x in range(columns):
            mixed[x] = source[above, x] + (source[above + 1, x] - source[above, x]) * share
        for x in range(width):
            near = mixed[left[x]]
            out[y, x] = near + (mixed[left[x] + 1] - near) * weight[x]
    return out


@compiled
def block_mean(source: Plane, factor: int) -> Plane:
    """Shrink by a whole factor, averaging blocks; broad blurs are then cheap."""
    height, width = source.shape[0] // factor, source.shape[1] // factor
    out = np.zeros((height, width), np.float32)
    for y in range(height * factor):
        for x in range(width * factor):
            out[y // factor, x // factor] += source[y, x]
    out /= np.float32(factor * factor)
    return out


@compiled
def separable(source: Plane, taps: Plane) -> Plane:
    """Convolve rows and columns with one symmetric kernel of odd length; edges are repeated."""
    height, width = source.shape
    half = len(taps) // 2
    first = np.empty_like(source)
    for y in range(height):
        row = first[y]
        row[:] = 0
        for k in range(len(taps)):
            near = min(max(y + k - half, 0), height - 1)
            tap = taps[k]
            for x in range(width):
                row[x] += tap * source[near, x]
    out = np.empty_like(source)
    padded = np.empty(width + 2 * half, np.float32)
    for y in range(height):
        padded[:half] = first[y, 0]
        padded[half : half + width] = first[y]
        padded[half + width :] = first[y, width - 1]
        row = out[y]
        row[:] = 0
        for k in range(len(taps)):
            tap = taps[k]
            for x in range(width):
                row[x] += tap * padded[x + k]
    return out


def gaussian(source: Plane, sigma: float) -> Plane:
    """Blur by a Gaussian of `sigma` pixels, float32 in and out; below 0.1 px nothing changes."""
    if sigma < 0.1:
        return source
    reach = max(1, int(np.ceil(3 * sigma)))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return separable(source, (taps / taps.sum()).astype(np.float32))


def broad(source: Plane, sigma: float, factor: int) -> Plane:
    """Blur by a wide Gaussian of `sigma` pixels, computed on an image `factor` times smaller."""
    small = gaussian(block_mean(source, factor), sigma / factor)
    return resize(small, source.shape[0], source.shape[1])


@compiled
def grow(
    roots: NDArray[np.float64], chance: NDArray[np.float64], stop: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Grow branching trees in a plane by Murray's law, for vessels and airways alike.

    `roots` (n, 4): x, y (mm), direction (rad), radius (mm). `chance` (m, 4): standard normals,
    consumed one row per branch, so the result depends on nothing else; growth ends with them.
    `stop` mm: thinner branches are not grown. Returns nodes (k, 3) x, y, radius and tube starts.
    Source: C. D. Murray, The physiological principle of minimum work, PNAS 1926.
    """
    steps = 3
    most = len(chance)
    stack = np.zeros((most + len(roots) + 2, 4))
    stack[: len(roots)] = roots
    waiting, used = len(roots), 0
    nodes = np.empty((most * (steps + 1), 3))
    starts = np.zeros(most + 1, np.int64)
    filled = 0
    front = 0
    while front < waiting and used < most:
        x, y, angle, radius = stack[front]
        front += 1
        a, b, c, d = chance[used]
        stride = (3.4 * radius + 4.5) * (1 + 0.25 * np.tanh(a)) / steps
        for step in range(steps + 1):
            nodes[filled, 0], nodes[filled, 1] = x, y
            nodes[filled, 2] = radius * (1 - 0.16 * step / steps)
            filled += 1
            angle += 0.055 * b
            x += stride * np.cos(angle)
            y += stride * np.sin(angle)
        used += 1
        starts[used] = filled
        share = min(max(0.5 + 0.16 * c, 0.15), 0.85)
        for side in range(2):
            part = share if side == 0 else 1 - share
            thinner = radius * 0.90 * part ** (1 / 3)
            if thinner > stop and waiting < len(stack):
                turn = (0.30 + 0.5 * (1 - part)) * (1 + 0.25 * d)
                stack[waiting, 0], stack[waiting, 1] = x, y
                stack[waiting, 2] = angle + (turn if side == 0 else -turn)
                stack[waiting, 3] = thinner
                waiting += 1
    return nodes[:filled], starts[: used + 1]
