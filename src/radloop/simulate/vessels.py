"""Pulmonary vessels: trees that leave the hila, fan out and thin towards the pleura."""

import numpy as np

from radloop.simulate.anatomy import Build
from radloop.simulate.geometry import Geometry
from radloop.simulate.kernels import Plane, add_tubes, grow
from radloop.simulate.trunk import SIDES

BRANCHES = 460
"""Per tree, at most."""

# x from the midline, y, direction (rad, 0 lateral, positive to the feet), radius; mm
ROOTS = (
    (22, 8, 1.30, 7.4),
    (28, 6, 0.75, 5.6),
    (28, -2, 0.2, 4.8),
    (25, -8, -0.5, 4.8),
    (21, -14, -1.1, 5.0),
    (18, 30, 0.95, 5.0),
    (18, 26, 0.45, 4.4),
    (23, 0, 1.0, 5.0),
    (20, 20, 1.25, 4.4),
    (22, -6, -0.8, 4.2),
)


def lung_vessels(person: Build, view: Geometry, fullness: float) -> Plane:
    """mm of blood along every ray, (size, size); `fullness` 1 is usual, more is congested."""
    out = np.zeros((view.size, view.size), np.float32)
    nearest, value = np.ones_like(out), np.zeros_like(out)
    for side in SIDES:
        rng = np.random.default_rng([person.seed, 23, side + 1])
        roots = np.asarray(ROOTS) + rng.standard_normal((len(ROOTS), 4)) * (2.5, 3.5, 0.14, 0.35)
        roots[:, 1] += 7 if side < 0 else -6
        roots[:, 3] *= fullness**0.5
        roots[:, 0] += 4
        chance = rng.standard_normal((BRANCHES * len(ROOTS) // 2, 4))
        nodes, starts = grow(roots, chance, 0.62)
        stretch = 1 + 0.35 * rng.random(len(nodes))
        points = np.column_stack([side * nodes[:, 0], nodes[:, 1], np.zeros(len(nodes))])
        at = view.pixels(points * person.scale)
        solid = np.ones(len(nodes))
        radius = nodes[:, 2] * person.scale * at[:, 2]
        rows = np.column_stack([at[:, :2], radius, 0 * solid, solid, stretch / at[:, 2]])
        add_tubes(out, nearest, value, rows.astype(np.float32), starts)
    return out
