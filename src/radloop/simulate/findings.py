"""What is ill in a SIMULATED chest, as matter: water where air was, air where lung was.

Names are those of ChestX-ray14 (Wang et al., CVPR 2017). Every finding comes with its mask, because
the truth of a simulated study must be known exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radloop.simulate.kernels import Plane
from radloop.simulate.shapes import chord, step
from radloop.simulate.textures import cut
from radloop.simulate.thorax import Chest

Mask = NDArray[np.bool_]
PNEUMONIA, EFFUSION, NODULE = "Pneumonia", "Effusion", "Nodule"
PNEUMOTHORAX, CARDIOMEGALY, ATELECTASIS = "Pneumothorax", "Cardiomegaly", "Atelectasis"
FINDINGS = (PNEUMONIA, EFFUSION, NODULE, PNEUMOTHORAX, CARDIOMEGALY, ATELECTASIS)


@dataclass(frozen=True)
class Lesion:
    """One finding on the coarse grid.

    water: mm of lung that turned to water. bare: 0 to 1, where lung gave way to pure air. line: mm
    of extra tissue. mask: what a reader would outline.
    """

    finding: str
    mask: Mask
    water: Plane | None = None
    bare: Plane | None = None
    line: Plane | None = None


def enlarged_heart(severity: float) -> float:
    """How much wider a heart with Cardiomegaly is than the same person's healthy heart."""
    return 1.16 + 0.24 * severity


def lesions(chest: Chest, severities: dict[str, float], seed: list[int]) -> list[Lesion]:
    """Draw every finding of a study; `severities` 0 (subtle) to 1 (gross), by finding.

    The place belongs to the person (`seed`), so a finding that persists stays where it was.
    """
    found = []
    for number, finding in enumerate(FINDINGS):
        if finding in severities:
            rng = np.random.default_rng([*seed, number])
            found.append(DRAW[finding](chest, severities[finding], rng))
    return found


def _near(chest: Chest, side: int, across: float, y: float, depth: float) -> tuple[float, float]:
    """The body point with at least `depth` mm of lung that is nearest to the one asked for."""
    off = (chest.across[side] - np.float32(across)) * np.float32(55)
    away = off * off + (chest.y - np.float32(y)) ** 2
    lung = chest.sides[side]
    enough = min(depth, 0.8 * float(lung.max()))
    at = int(np.argmin(np.where(lung >= enough, away, np.float32(1e9))))
    return float(chest.x.flat[at]), float(chest.y.flat[at])


def consolidation(chest: Chest, severity: float, rng: np.random.Generator) -> Lesion:
    """Pneumonia: one ill-defined lobar, hazy or patchy opacity, or several, with air bronchograms."""
    kind = rng.choice(["lobar", "patchy", "hazy"], p=[0.35, 0.40, 0.25])
    spots = 1 if kind != "patchy" else int(rng.integers(2, 5))
    side = int(rng.integers(2))
    both = rng.random() < (0.25 if kind == "lobar" else 0.45)
    low = chest.dome[side]
    home = (rng.uniform(-0.75, 0.75), low - 12 - 118 * rng.beta(1.1, 1.9))
    size = chest.y.shape[0]
    rough, grain = cut(rng, size, 1.6, 70), cut(rng, size, 1.5, 26)
    water = np.zeros_like(chest.y)
    for spot in range(spots):
        k = 1 - side if both and spot else side
        spread = (rng.normal(0, 0.3), rng.normal(0, 22)) if spot else (0.0, 0.0)
        centre = _near(chest, k, home[0] + spread[0], home[1] + spread[1], 30)
        radius = (25 + 30 * severity) * rng.uniform(0.80, 1.30) / spots**0.25
        if kind == "hazy":
            radius *= 1.4
        patch = _patch(chest, centre, radius, rough, rng)
        if kind == "lobar" and rng.random() < 0.6:
            fall = rng.uniform(-0.35, 0.35)
            edge = chest.y - np.float32(fall) * (chest.x - np.float32(centre[0]))
            upper = -1.0 if centre[1] < -10 else 1.0  # an upper lobe ends at a fissure below it
            patch = patch * step(np.float32(upper) * edge, upper * centre[1] - 0.5 * radius, 6)
        water = np.maximum(water, np.minimum(patch, 1) * (chest.sides[k] > 0))
    dense = {"lobar": 54, "patchy": 44, "hazy": 28}[str(kind)] * (0.45 + 0.75 * severity)
    room = 0.92 * (chest.sides[0] + chest.sides[1])
    airways = 1 - np.exp(-((rough - np.float32(0.3)) ** 2) * np.float32(110))
    texture = np.clip(1 + np.float32(0.16) * grain, 0.2, 1.8)
    if kind != "hazy":
        texture = texture * (np.float32(0.70) + np.float32(0.30) * airways)
    mask = _outline(np.minimum(water * np.float32(dense), room), 0.22)
    return Lesion(PNEUMONIA, mask, water=np.minimum(water * texture * np.float32(dense), room))


def _patch(chest: Chest, centre: tuple[float, float], radius: float, rough: Plane, rng: np.random.Generator) -> Plane:
    """A cloud with an uneven, fading edge, 1 in the middle."""
    tall, turn = rng.uniform(0.7, 1.4), rng.uniform(-0.8, 0.8)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    dx, dy = chest.x - np.float32(centre[0]), chest.y - np.float32(centre[1])
    u, v = (cos * dx + sin * dy) / np.float32(radius), (cos * dy - sin * dx) / np.float32(radius * tall)
    away = np.sqrt(u * u + v * v) + np.float32(rng.uniform(0.14, 0.30)) * rough
    fuzzy = rng.uniform(0.5, 1.1)
    return step(-away, -(1 - 0.1 * fuzzy), fuzzy)


def _outline(water: Plane, share: float) -> Mask:
    return np.asarray(water > max(1.2, share * float(water.max())))


def effusion(chest: Chest, severity: float, rng: np.random.Generator) -> Lesion:
    """Fluid in the pleural space: a meniscus in one who stands, a veil in one who lies."""
    chosen = int(rng.integers(2))
    both = rng.random() < 0.35
    share = float(rng.uniform(0.4, 1.0))
    water = np.zeros_like(chest.y)
    for k in (0, 1):
        amount = severity * (1 if k == chosen else share)
        if k != chosen and not both:
            continue
        if chest.stance.supine:
            veil = np.float32(9 + 34 * amount) * step(chest.y, 30, 190)
            fluid = np.minimum(veil, 0.7 * chest.sides[k])
            fluid = np.maximum(fluid, chest.sides[k] * step(chest.y, chest.floor - 22 - 40 * amount, 30))
        else:
            level = chest.floor - 34 - 105 * amount
            inwards = (1 - chest.across[k]) * np.float32(0.5)
            above = np.float32(level) + np.float32(40) * np.sqrt(np.maximum(inwards, 0))
            fluid = chest.sides[k] * step(chest.y - above, 0, 14)
        water = np.maximum(water, fluid)
    return Lesion(EFFUSION, np.asarray(water > max(1.0, 0.12 * float(water.max()))), water=water)


def nodule(chest: Chest, severity: float, rng: np.random.Generator) -> Lesion:
    """A round opacity of 8 to 30 mm."""
    side = int(rng.integers(2))
    centre = _near(chest, side, rng.uniform(-0.5, 0.7), rng.uniform(-95, chest.dome[side] - 15), 45)
    radius = 4.5 + 10.5 * severity
    wobble = cut(rng, chest.y.shape[0], 2.0, 40) * np.float32(0.10 * radius)
    axes = (radius, radius * rng.uniform(0.85, 1.18), radius)
    water = chord(chest.x + wobble, chest.y + wobble, centre, axes) * np.float32(chest.person.scale)
    water = np.minimum(water, 0.9 * chest.sides[side])
    return Lesion(NODULE, np.asarray(water > 0.15 * max(float(water.max()), 1.0)), water=water)


def pneumothorax(chest: Chest, severity: float, rng: np.random.Generator) -> Lesion:
    """Air outside the lung: no markings beyond a thin pleural line, at the apex when standing."""
    k = int(rng.integers(2))
    lateral = (1 - chest.across[k]) * chest.half_width[k]
    top = float(chest.y[chest.half_width[k] > 3].min(initial=-138))
    apical = (chest.y - np.float32(top)) * np.float32(1.15)
    edge = 1 / (1 / np.maximum(lateral, np.float32(0.3)) + np.float32(0.6) / np.maximum(apical, np.float32(0.3)))
    height = np.clip((chest.y - np.float32(top)) * np.float32(1 / 240), 0, 1)
    lean = 0.35 + 0.9 * height if chest.stance.supine else 1.25 - 0.95 * height
    depth = np.float32(7 + 34 * severity) * lean.astype(np.float32)
    depth += np.float32(1.2) * cut(rng, chest.y.shape[0], 2.4, 90)
    inside = step(chest.sides[k], 6, 8)
    bare = step(depth - edge, 0, 1.6) * inside
    line = np.exp(-(((edge - depth) * np.float32(1 / 0.8)) ** 2)) * np.float32(3.2) * inside
    return Lesion(PNEUMOTHORAX, np.asarray(bare > 0.5), bare=bare, line=line)


def cardiomegaly(chest: Chest, severity: float, rng: np.random.Generator) -> Lesion:
    """A large heart; its size is set when the chest is built (`enlarged_heart`)."""
    return Lesion(CARDIOMEGALY, np.asarray((chest.heart > 8) & (chest.y < chest.floor - 18)))


def atelectasis(chest: Chest, severity: float, rng: np.random.Generator) -> Lesion:
    """Plate-like collapse: a thin band above the diaphragm."""
    k = int(rng.integers(2))
    centre = _near(chest, k, rng.uniform(-0.2, 0.6), chest.dome[k] - rng.uniform(8, 50), 40)
    turn = rng.uniform(-0.5, 0.5)
    dx, dy = chest.x - np.float32(centre[0]), chest.y - np.float32(centre[1])
    run = dx * np.float32(np.cos(turn)) + dy * np.float32(np.sin(turn))
    off = dy * np.float32(np.cos(turn)) - dx * np.float32(np.sin(turn)) - run * run * np.float32(0.003)
    band = np.exp(-((off * np.float32(1 / (1.5 + 2.5 * severity))) ** 2))
    band = band * np.exp(-((run * np.float32(1 / (14 + 22 * severity))) ** 4))
    water = np.minimum(band * np.float32(8 + 12 * severity), 0.8 * chest.sides[k])
    return Lesion(ATELECTASIS, _outline(water, 0.3), water=water)


DRAW: dict[str, Callable[[Chest, float, np.random.Generator], Lesion]] = {
    PNEUMONIA: consolidation,
    EFFUSION: effusion,
    NODULE: nodule,
    PNEUMOTHORAX: pneumothorax,
    CARDIOMEGALY: cardiomegaly,
    ATELECTASIS: atelectasis,
}
