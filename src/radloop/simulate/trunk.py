"""Skin, fat, shoulders and breasts around a SIMULATED chest, as path lengths in mm."""

import numpy as np

from radloop.simulate.anatomy import Build, Pose
from radloop.simulate.kernels import Plane, block_mean, resize
from radloop.simulate.shapes import along, bulge, chord, profile, step, union

SIDES = (-1, 1)
"""Patient's right (image left) and left."""


def torso(person: Build, stance: Pose, x: Plane, y: Plane) -> tuple[Plane, Plane]:
    """mm from skin to skin and mm of it that is fat: trunk, neck, shoulders, arms and breasts."""
    w, d, fat = person.wall / person.scale, person.depth / person.scale, person.fat / person.scale
    wide = 136 * person.width + w
    half = profile(
        [
            (-240, 54),
            (-175, 60),
            (-150, 74),
            (-130, 98),
            (-106, 120),
            (-70, wide - 12),
            (0, wide),
            (90, wide + 1),
            (180, wide + 8 * person.habitus),
            (300, wide + 14 * person.habitus),
        ],
        14,
    )
    depth = profile(
        [
            (-220, 0.52 * d),
            (-140, 0.56 * d),
            (-100, 0.70 * d),
            (-50, 0.90 * d),
            (20, d),
            (140, d * (1 + 0.14 * person.habitus)),
            (300, d * (1 + 0.2 * person.habitus)),
        ],
        16,
    )
    wide_here, deep_here = along(half, y), along(depth, y)
    trunk = deep_here * bulge(np.clip(x / wide_here, -1, 1), 2.7, 2.7, 0.5)
    inner = np.clip(x / (wide_here - np.float32(fat)), -1, 1)
    lean = (deep_here - np.float32(2 * fat)) * bulge(inner, 2.7, 2.7, 0.5)
    small = block_mean(x, 2), block_mean(y, 2)  # limbs are smooth: half the grid shows the same
    limbs = [limb for side in SIDES for limb in shoulder(person, stance, side, *small)]
    neck = bulge(np.clip(x / np.float32(53 + 8 * person.habitus), -1, 1)) * step(-y, 104, 50) * 112
    body = union([trunk, neck, resize(union(limbs), *x.shape)])
    breast = sum(breast_path(person, side, x, y) for side in SIDES)
    return body + breast, np.maximum(trunk - lean, 0) * np.float32(0.8) + breast * np.float32(0.75)


def shoulder(person: Build, stance: Pose, side: int, x: Plane, y: Plane) -> list[Plane]:
    """mm of one shoulder and upper arm."""
    thick = 40 + 15 * person.habitus
    joint = (158 * person.width + 0.4 * person.wall, -86.0)
    s = side * x
    slope = (joint[1] + 4 - (-124)) / (joint[0] - 40)
    dx = s - np.float32(40)
    off = (y - np.float32(-116) - slope * dx) / np.float32(np.hypot(1, slope))
    within = step(s, 30, 50) * (1 - step(s, joint[0] + 16, 40))
    girdle = bulge(np.clip(off / np.float32(thick), -1, 1), 2, 2) * within * np.float32(2.1 * thick)
    a = stance.arms * 0.62
    along_arm = (s - joint[0]) * np.float32(np.sin(a)) + (y - joint[1]) * np.float32(np.cos(a))
    beside = (s - joint[0]) * np.float32(np.cos(a)) - (y - joint[1]) * np.float32(np.sin(a))
    arm = bulge(np.clip(beside / np.float32(thick + 4), -1, 1)) * np.float32(2 * thick + 8)
    ball = chord(s, y, joint, (thick + 8, thick + 6, thick + 6))
    return [girdle, arm * step(along_arm, 4, 30), ball]


def breast_path(person: Build, side: int, x: Plane, y: Plane) -> Plane:
    """mm of one breast: a sharp lower border and a soft upper one."""
    if person.breast <= 0:
        return np.zeros_like(x)
    rng = np.random.default_rng([person.seed, 11, side + 1])
    sag = 12 * rng.standard_normal() + 0.010 * person.age * person.breast
    size = 44 + 0.42 * person.breast
    centre = (84 + 0.1 * person.breast + 4 * rng.standard_normal(), 62 + sag)
    down = y - np.float32(centre[1])
    down = np.where(down > 0, down * np.float32(1 / (0.86 * size)), down * np.float32(1 / (1.7 * size)))
    out = (side * x - np.float32(centre[0])) * np.float32(1 / (1.12 * size))
    inside = np.maximum(1 - out * out - down * down, 0)
    fade = step(y, centre[1] - 0.35 * size, 1.5 * size)
    return np.asarray(np.sqrt(inside) * fade * np.float32(person.breast))
