"""Ribs, clavicles, scapulae, arms and the bony details of the spine, as curved tubes.

A bone is a dense shell about a spongy core: that is what gives ribs their bright edges.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radloop.simulate.anatomy import Build, Pose
from radloop.simulate.geometry import Geometry, Points
from radloop.simulate.kernels import Plane, add_tubes
from radloop.simulate.shapes import GRID
from radloop.simulate.thorax import spine_bend
from radloop.simulate.trunk import SIDES

SPONGY = 0.20
"""Bone in spongy bone against compact bone, by volume."""


@dataclass(frozen=True)
class Tube:
    """A curved tube in the body: points (n, 3) mm, radius (n) mm, shell mm, flat (depth / width).

    core: bone in the middle, by volume. fade: (n) 1 where the bone is whole, 0 where it has turned
    to cartilage.
    """

    points: Points
    radius: Points
    shell: float
    flat: float = 1.0
    core: float = SPONGY
    fade: Points | float = 1.0


def pack(tubes: list[Tube], view: Geometry, dense: float) -> tuple[Plane, NDArray[np.int64]]:
    """Project tubes to the rows that `add_tubes` wants; a tube seen end-on is longer to cross."""
    counts = [len(tube.points) for tube in tubes]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    points = np.concatenate([tube.points for tube in tubes])
    radius = np.concatenate([tube.radius for tube in tubes])
    shell = np.repeat([tube.shell for tube in tubes], counts)
    core = np.repeat([tube.core for tube in tubes], counts)
    path = np.concatenate([np.full(len(t.points), t.flat) * t.fade for t in tubes]) * dense
    run = np.diff(points, axis=0, append=points[-1:])
    run[starts[1:] - 1] = run[starts[1:] - 2]
    level = np.sqrt(run[:, 0] ** 2 + run[:, 1] ** 2)
    endless = np.sqrt(level**2 + run[:, 2] ** 2) / np.maximum(level, 1e-6)
    at = view.pixels(points)
    scale = at[:, 2]
    inner = np.maximum(radius - shell, 0) * scale
    path = np.minimum(endless, 2.6) * path / scale
    rows = np.column_stack([at[:, :2], radius * scale, inner, core, path])
    return rows.astype(np.float32), starts


def bones(person: Build, stance: Pose, view: Geometry) -> Plane:
    """mm of cortical bone equivalent along every ray, (size, size), without vertebral bodies."""
    tubes = ribs(person, stance) + spine_details(person)
    for side in SIDES:
        tubes += clavicle(person, stance, side) + scapula(person, stance, side)
        tubes += humerus(person, stance, side)
    scaled = [Tube(t.points * person.scale, t.radius * person.scale, t.shell, t.flat, t.core, t.fade) for t in tubes]
    out = np.zeros((view.size, view.size), np.float32)
    add_tubes(out, np.ones_like(out), np.zeros_like(out), *pack(scaled, view, person.bone))
    return out


RIB_END = np.array([0.72, 0.76, 0.79, 0.81, 0.82, 0.82, 0.80, 0.77, 0.72, 0.62, 0.42, 0.28])
"""How far round each bony rib goes, as a share of the half turn from spine to breastbone."""
CAGE_Y = np.array([-135.0, -122, -100, -60, 0, 60, 150])
CAGE_X = np.array([40.0, 62, 88, 112, 131, 138.5, 139])
"""mm from the midline to the side of the cage, at mm along the body."""
KNOTS = 26


def ribs(person: Build, stance: Pose) -> list[Tube]:
    """Twelve pairs, from the spine round the side to the end of the bone in front.

    All 24 are computed at once: axis 0 side, axis 1 number from above, axis 2 along the rib.
    """
    rng = np.random.default_rng([person.seed, 17])
    number = np.arange(12)[None, :, None]
    phi = np.pi * RIB_END[None, :, None] * np.linspace(0, 1, KNOTS)
    gap = 21.0 * (1 + 0.03 * rng.standard_normal())
    head = -124 + gap * number + 0.12 * number**2 + 0.8 * rng.standard_normal((2, 12, 1))
    drop = (26 + 10.5 * np.minimum(number, 7)) * person.slope * (0.80 + 0.3 * stance.inspiration)
    drop = drop + 5 * rng.standard_normal((2, 12, 1))
    turn = (1 - np.cos(phi)) / 2
    y = head + drop * (0.42 * turn + 0.95 * turn**1.6) - 9 * np.sin(phi) * np.exp(-3 * phi)
    y -= stance.lordosis * turn
    at_side = np.argmin(np.abs(phi - np.pi / 2), axis=2, keepdims=True)
    side_y = np.take_along_axis(y, np.broadcast_to(at_side, (2, 12, 1)), axis=2)
    reach = np.interp(side_y, CAGE_Y, CAGE_X) * person.width + 0.5
    x = 15.0 + (reach - 15.0) * np.sin(phi) ** 0.82
    z = -0.40 * person.depth * np.minimum(1.0, 0.5 + 0.09 * number) * np.cos(phi) - 6
    middle = np.interp(head, GRID, spine_bend(person)) * np.exp(-phi)
    thick = np.where((number > 0) & (number < 10), 5.2, 4.6) * (1 + 0.04 * rng.standard_normal((2, 12, 1)))
    radius = thick * (1 + 0.10 * np.sin(phi * 1.3)) * (1 - 0.28 * np.sin(phi) ** 8)
    fade = 1 - 0.75 * np.clip((np.linspace(0, 1, KNOTS) - 0.80) / 0.20, 0, 1) ** 1.5
    across = np.asarray(SIDES)[:, None, None] * x + middle
    points = np.stack([across, y, np.broadcast_to(z, y.shape)], axis=-1)
    return [Tube(points[k, i], radius[k, i], 1.05, 0.80, SPONGY, fade) for k in range(2) for i in range(12)]


def clavicle(person: Build, stance: Pose, side: int) -> list[Tube]:
    """An S-shaped collar bone."""
    rng = np.random.default_rng([person.seed, 19, side + 1])
    t = np.linspace(0, 1, 16)
    far = 140 * person.width + 0.25 * person.wall
    x = 13 + (far - 13) * t
    rise = 16 + 5 * rng.standard_normal() - (6 if stance.supine else 0)
    y = -88 - rise * t**0.9 + 6.5 * np.sin(2 * np.pi * t) - 0.6 * stance.lordosis
    z = 55 - 75 * t + 10 * np.sin(2 * np.pi * t)
    radius = 5.6 + 3.2 * np.exp(-((t / 0.10) ** 2)) + 1.0 * t**3
    return [Tube(np.column_stack([side * x, y, z]), radius, 1.5, 0.85)]


def scapula(person: Build, stance: Pose, side: int) -> list[Tube]:
    """A thin blade with a thick lateral border, spine, acromion and coracoid."""
    o = stance.scapula + 0.35 * person.wall

    def bone(points: list[tuple[float, float]], radius: float, shell: float, flat: float, core: float = SPONGY) -> Tube:
        knots = np.asarray(points)
        t = np.linspace(0, len(knots) - 1, 4 * len(knots))
        k = np.arange(len(knots))
        x, y = np.interp(t, k, knots[:, 0]), np.interp(t, k, knots[:, 1])
        at = np.column_stack([side * (x + o), y, np.full(len(t), -62.0)])
        return Tube(at, np.full(len(t), radius), shell, flat, core)

    blade = bone([(118, -74), (112, -40), (108, -8), (107, 18)], 21, 0.01, 0.035, 0.6)
    return [
        blade,
        bone([(136, -74), (128, -40), (116, 6), (108, 34)], 3.4, 1.1, 1.0),
        bone([(108, 34), (100, 10), (92, -30), (86, -72)], 1.9, 0.8, 0.8),
        bone([(86, -72), (92, -96), (112, -104), (126, -98)], 1.8, 0.8, 0.8),
        bone([(88, -66), (112, -88), (138, -108), (158, -112)], 4.2, 1.0, 0.7),
        bone([(138, -92), (140, -80), (137, -68)], 7.5, 1.2, 0.8),
        bone([(122, -98), (130, -106), (140, -98)], 4.6, 1.2, 0.8),
    ]


def humerus(person: Build, stance: Pose, side: int) -> list[Tube]:
    """Head and shaft of the upper arm."""
    joint = np.array([158 * person.width + 0.4 * person.wall + 0.3 * stance.scapula, -84.0])
    a = stance.arms * 0.62
    t = np.linspace(0, 1, 14)[:, None]
    shaft = joint + t * 210 * np.array([np.sin(a), np.cos(a)])
    z = np.full((14, 1), -20.0)
    points = np.column_stack([shaft[:, 0] * side, shaft[:, 1], z])
    head = np.array([[joint[0] - 3, joint[1]], [joint[0] + 2, joint[1] + 6]])
    head = np.column_stack([head[:, 0] * side, head[:, 1], [-20.0, -20.0]])
    radius = 11 + 9 * np.exp(-(((t[:, 0]) / 0.13) ** 2))
    return [Tube(points, radius, 2.2, 0.9, 0.10), Tube(head, np.full(2, 22.5), 0.7, 0.9, 0.09)]


def spine_details(person: Build) -> list[Tube]:
    """Spinous and transverse processes and pedicles."""
    bend = spine_bend(person)
    tubes = []
    y = -158.0
    while y < 190:
        gap = float(np.interp(y, [-150, -122, 120, 200], [17, 20, 26, 31]))
        x = float(np.interp(y, GRID, bend))
        spine = np.array([[x, y + 0.45 * gap, -95], [x + 0.6, y + 0.95 * gap, -105]])
        tubes.append(Tube(spine, np.array([2.6, 3.2]), 0.7, 0.9))
        for side in SIDES:
            pedicle = np.array([[x + side * 10.5, y + 0.25 * gap, -80.0], [x + side * 10.6, y + 0.42 * gap, -80.0]])
            tubes.append(Tube(pedicle, np.array([3.4, 3.4]), 0.8, 0.8))
            wing = np.array([[x + side * 13, y + 0.34 * gap, -88.0], [x + side * 29, y + 0.26 * gap, -94.0]])
            tubes.append(Tube(wing, np.array([3.4, 3.8]), 0.6, 0.40))
        y += gap
    return tubes
