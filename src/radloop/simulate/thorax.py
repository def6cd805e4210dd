"""Soft tissue and air of a SIMULATED chest, as path lengths in mm on the coarse grid.

The sizes are those of textbooks of anatomy for an adult; each map is what an ideal detector would
need to know of one material, so that physics stays in `projection`.
"""

from dataclasses import dataclass, field

import numpy as np

from radloop.simulate.anatomy import Build, Pose
from radloop.simulate.geometry import Geometry
from radloop.simulate.kernels import Plane
from radloop.simulate.shapes import GRID, LOWEST, PER_MM, along, bulge, chord, gauss, profile, step, union
from radloop.simulate.trunk import SIDES, torso

Grid = tuple[Plane, Plane]


@dataclass
class Chest:
    """The materials of one chest along every ray, and what findings need to place themselves.

    body: mm from skin to skin. fat: mm of it that is fat. lung: mm of aerated lung. gas: mm of
    pure air. spine: mm of cortical bone equivalent in the vertebrae. heart: mm of heart.
    sides: per lung (right, left) its own path in mm; across: per lung -1 medial to 1 lateral.
    x, y: body mm at mid-depth divided by the person's scale. dome: per side, mm of the height of
    the diaphragm. foot: mm of the lowest lung.
    """

    person: Build
    stance: Pose
    view: Geometry
    x: Plane
    y: Plane
    body: Plane
    fat: Plane
    lung: Plane
    gas: Plane
    spine: Plane
    heart: Plane
    sides: list[Plane]
    across: list[Plane]
    half_width: list[Plane]
    dome: tuple[float, float]
    floor: float
    cavity: list[Plane] = field(default_factory=list)


def domes(person: Build, stance: Pose) -> tuple[float, float]:
    """How high the diaphragm stands (mm, right and left): lower in deep inspiration."""
    rng = person.rng
    middle = 52 + 52 * stance.inspiration - 12 * max(person.habitus - 0.5, 0)
    gap = 7 + 5 * rng.standard_normal()
    return middle - gap / 2, middle + gap / 2


def chest(person: Build, stance: Pose, view: Geometry) -> Chest:
    """Build the chest of one person in one pose. Lengths are mm on the coarse grid of `view`."""
    size = np.float32(person.scale)
    planes = {z: _life_size(view, z, size) for z in (-60, 0, 45)}
    x, y = planes[0]
    bend = along(spine_bend(person), y)
    cavities, across, half_width = lungs(person, stance, x, y)
    heart = heart_path(person, stance, *planes[45])
    vessels = great_vessels(person, planes[45], (planes[-60][0] - bend, planes[-60][1]))
    dome = domes(person, stance)
    floor = max(dome) + 46 + 22 * stance.inspiration
    organs = union([heart, vessels])
    sides = []
    for k, side in enumerate(SIDES):
        belly = abdomen(dome[k], floor, side, cavities[k], x, y)
        sides.append(np.maximum(cavities[k] - belly - organs, 0) * size)
    body, fat = torso(person, stance, x, y)
    gas = (airway(x, planes[-60][1]) + stomach(person, stance, dome[1], x, y)) * size
    spine = vertebrae(person, planes[-60][0] - bend, planes[-60][1]) * size
    lung = np.minimum(sides[0] + sides[1], np.maximum(body * size - 30, 0))
    return Chest(
        person,
        stance,
        view,
        x,
        y,
        body * size,
        fat * size,
        lung,
        gas,
        spine,
        heart,
        sides,
        across,
        half_width,
        dome,
        floor,
        cavities,
    )


def _life_size(view: Geometry, z: float, size: np.float32) -> Grid:
    x, y = view.plane(z * float(size))
    return x / size, y / size


def spine_bend(person: Build) -> Plane:
    """How far (mm) the spine leaves the midline along the body."""
    b = person.bend
    return profile([(-200, 0), (-90, 0.4 * b), (-10, b), (80, -0.5 * b), (220, 0)], 30)


def lungs(person: Build, stance: Pose, x: Plane, y: Plane) -> tuple[list[Plane], ...]:
    """The pleural cavities: depth in mm, position from medial to lateral, half width in mm."""
    rng = person.rng
    grow = person.width * (0.96 + 0.05 * stance.inspiration)
    deep = person.depth / 205
    depth, across, half_width = [], [], []
    for side in SIDES:
        j = 1 + 0.025 * rng.standard_normal(8)
        half = (
            profile(
                [
                    (-140, 27 * j[0]),
                    (-118, 33 * j[1]),
                    (-85, 41 * j[2]),
                    (-40, 49 * j[3]),
                    (20, 56 * j[4]),
                    (80, 58.5 * j[5]),
                    (190, 59 * j[6]),
                ],
                3.0,
            )
            * grow
        )
        centre = (
            profile([(-140, 54), (-120, 52), (-85, 60 * j[7]), (-30, 69), (30, 75), (90, 77), (190, 77)], 14.0) * grow
        )
        thick = profile([(-134, 40), (-120, 66), (-95, 100), (-50, 138), (20, 158), (90, 166), (190, 160)], 8.0) * deep
        top = np.clip((y + np.float32(138)) * np.float32(1 / 26), 0, 1)
        w = along(half, y) * np.sqrt(top * (2 - top))
        u = (side * x - along(centre, y)) / np.maximum(w, np.float32(0.5))
        u = np.clip(u, -1, 1)
        inside = w > 1.5
        depth.append(np.where(inside, along(thick, y) * bulge(u, 2.2, 2.3, 0.6), 0))
        across.append(u)
        half_width.append(w)
    return depth, across, half_width


def abdomen(dome: float, floor: float, side: int, cavity: Plane, x: Plane, y: Plane) -> Plane:
    """mm of liver or spleen inside the cavity: a dome that leaves a thin recess behind and beside."""
    tall = floor - dome
    u = np.clip((side * x - np.float32(58)) * np.float32(1 / 82), -1, 1)
    rise = (np.float32(floor) - y) * np.float32(1 / tall)
    depth = np.maximum(bulge(u, 3.4, 2.3, 0.62) - rise, 0) * np.float32(tall)
    share = np.sqrt(np.minimum(depth * np.float32(1 / 34), 1)) * np.float32(0.93)
    return np.asarray(cavity * np.maximum(share, step(y, floor + 4, 26)))


def heart_path(person: Build, stance: Pose, x: Plane, y: Plane) -> Plane:
    """mm of heart: left ventricle, right atrium and outflow as ellipsoids."""
    h = person.heart * (1.06 if stance.supine else 1.0)
    lift = 12 * (1 - stance.inspiration)
    lying = 0.62 + 0.16 * person.habitus - 0.20 * stance.inspiration
    squeeze = 1 + 0.10 * (1 - stance.inspiration)
    low = 66 - lift
    left = chord(x, y, (26 * h * squeeze, low - 2), (64 * h * squeeze, 44 * h, 44 * h), 1.0 - lying * 0.5)
    right = chord(x, y, (-9, low - 4), (33 * h * squeeze, 43 * h, 36 * h), 0.2)
    outflow = chord(x, y, (17, 8 - lift), (26 * h, 46 * h, 27), -0.28)
    apex = chord(x, y, (44 * h * squeeze, low + 18), (40 * h, 30 * h, 36 * h), 0.5)
    return union([left, right, outflow, apex])


def great_vessels(person: Build, front: Grid, back: Grid) -> Plane:
    """mm of mediastinum: vascular pedicle and arch in `front`, descending aorta at the `back`."""
    (x, y), (xb, yb) = front, back
    a = person.aorta
    rng = person.rng
    r = 2 * rng.standard_normal() + 3 * person.habitus
    right = profile([(-200, 36), (-135, 33 + r), (-95, 25 + r), (-40, 23 + r), (40, 18), (220, 18)])
    left = profile([(-200, 34), (-135, 31), (-105, 24), (-70, 21), (-55, 22), (60, 20), (220, 20)])
    thick = profile([(-250, 30), (-150, 46), (-110, 60), (-60, 78), (20, 80), (120, 70), (220, 70)])
    u = np.where(x > 0, x / along(left, y), x / along(right, y))
    pedicle = along(thick, y) * bulge(np.clip(u, -1, 1), 2.6, 2.6, 0.6)
    arch = chord(x, y, (17 + 8 * a, -44 - 6 * a), (17 + 5 * a, 18 + 4 * a, 24 + 5 * a))
    rising = chord(x, y, (-13 - 8 * a, -20), (18 + 4 * a, 44, 22))
    wide = 11.5 + 2.5 * a
    path = profile([(-60, 17), (0, 18 + 6 * a), (60, 15 + 8 * a), (150, 6), (250, 0)], 20)
    across = np.clip((xb - along(path, yb)) * np.float32(1 / wide), -1, 1)
    down = bulge(across) * np.float32(2 * wide) * step(yb, -44, 14)
    return union([pedicle, arch, rising]) + down


def airway(x: Plane, y: Plane) -> Plane:
    """mm of air in the trachea and main bronchi."""
    trachea = bulge(np.clip((x + np.float32(1.5)) / np.float32(9.0), -1, 1)) * 19
    trachea = trachea * (1 - step(y, 2, 14))
    mains = [chord(x, y, (16 * side, 12 + 4 * side), (26, 6.5, 6.5), side * 0.62) for side in SIDES]
    return union([trachea, *mains])


def stomach(person: Build, stance: Pose, dome: float, x: Plane, y: Plane) -> Plane:
    """mm of gas under the left dome and in the colon; a flat level when standing."""
    rng = np.random.default_rng([person.seed, 13, int(100 * stance.inspiration)])
    gas = np.zeros_like(x)
    if rng.random() < 0.62:
        wide, tall = 18 + 22 * rng.random(), 13 + 16 * rng.random()
        centre = (62 + 16 * rng.standard_normal(), dome + tall + 7)
        gas = chord(x, y, centre, (wide, tall, 18 + 14 * rng.random()))
        if not stance.supine:
            gas = gas * (1 - step(y, centre[1] + 0.35 * tall, 3))
    for _ in range(rng.integers(0, 5)):
        centre = (float(rng.uniform(-110, 120)), float(dome + rng.uniform(52, 110)))
        axes = (float(rng.uniform(8, 24)), float(rng.uniform(7, 14)), float(rng.uniform(8, 18)))
        gas = np.maximum(gas, chord(x, y, centre, axes, float(rng.uniform(-1, 1))))
    return gas


def vertebrae(person: Build, x: Plane, y: Plane) -> Plane:
    """mm of cortical bone equivalent in the vertebral bodies: endplates dense, discs clear."""
    level = np.cumsum(1 / np.interp(GRID, [-150, -122, 120, 200], [17, 20, 26, 31])) / PER_MM
    phase = (level - level[(-122 - LOWEST) * PER_MM]) % 1.0
    body = np.where(phase < 0.80, 1.0, 0.35)
    plates = np.exp(-(((phase - 0.03) / 0.035) ** 2)) + np.exp(-(((phase - 0.77) / 0.035) ** 2))
    along_y = (4.3 * body + 1.6 * plates).astype(np.float32)
    wide = profile([(-160, 13), (-122, 15), (120, 20), (220, 24)])
    waist = (1 - 0.10 * np.cos((phase / 0.8 - 0.5) * np.pi)).astype(np.float32)
    u = np.clip(x / (along(wide, y) * along(waist, y)), -1, 1)
    shape = bulge(u, 5, 5, 0.5) * (1 + np.float32(0.3) * gauss(np.abs(u), 0.93, 0.06))
    return along(along_y, y) * shape * np.float32(person.bone)
