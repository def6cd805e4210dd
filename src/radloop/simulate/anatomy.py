"""What one invented person is built like, and how he or she stands before the detector."""

from dataclasses import dataclass

import numpy as np

from radloop.simulate.geometry import Geometry, coarse_side
from radloop.simulate.textures import cut


@dataclass(frozen=True)
class Build:
    """The body of one person, the same in every study of that person.

    scale: size against a tall man, 1. habitus: 0 thin to 1 obese. wall: mm of chest wall beside
    the lungs. fat: mm under the skin. depth: mm front to back at the lung bases. breast: mm of
    extra thickness, 0 for none. heart: size of the heart, 1 normal. aorta: 0 young to 1 unfolded
    and wide. bone: density of bone, 1 young. slope: how steeply the ribs fall. bend: mm by which
    the spine leaves the midline. width: of the lungs, 1 usual. seed: of this person's own ribs,
    vessels and markings.
    """

    sex: str
    age: float
    scale: float
    habitus: float
    wall: float
    fat: float
    depth: float
    breast: float
    heart: float
    aorta: float
    bone: float
    slope: float
    bend: float
    width: float
    seed: int

    @property
    def rng(self) -> np.random.Generator:
        """A fresh stream for what belongs to the person: equal in every study."""
        return np.random.default_rng([self.seed, 7])


@dataclass(frozen=True)
class Pose:
    """How the person was placed and breathed for one exposure.

    view: PA or AP. supine: lying, so that fluid layers and air rises to the front. inspiration:
    0 poor to 1 deep. arms: rad away from the body. scapula: mm out of the lung fields.
    lordosis: mm by which the front is raised (tube angled).
    """

    view: str
    supine: bool
    inspiration: float
    arms: float
    scapula: float
    lordosis: float


def build(sex: str, age: float, rng: np.random.Generator) -> Build:
    """Draw a body for a person of this sex ("F", "M") and age (years)."""
    man = sex == "M"
    z = rng.standard_normal(12)
    habitus = float(np.clip(0.42 + 0.24 * z[0] + 0.001 * (age - 50), 0, 1.15))
    small = min(1.0, 0.72 + 0.28 * age / 16)
    elderly = max(age - 55, 0) / 40
    breast = 0.0
    if not man and age > 13:
        breast = float(np.clip(20 + 34 * habitus + 11 * z[1], 4, 80))
    elif habitus > 0.75:
        breast = 26 * (habitus - 0.6)
    return Build(
        sex=sex,
        age=age,
        scale=small * (0.985 if man else 0.915) * (1 + 0.035 * z[2]),
        habitus=habitus,
        wall=13 + 34 * habitus * habitus + 2.5 * abs(z[3]),
        fat=5 + 26 * habitus * habitus + (3 if not man else 0),
        depth=(196 if man else 178) + 74 * habitus + 9 * z[4] + 10 * elderly,
        breast=breast,
        heart=float(np.clip(0.97 + 0.055 * z[5] + 0.06 * habitus + 0.04 * elderly, 0.82, 1.2)),
        aorta=float(np.clip((age - 25) / 60 + 0.18 * z[6], 0, 1.2)),
        bone=float(np.clip(1.06 - 0.30 * elderly * (1 if man else 1.4) + 0.09 * z[7], 0.55, 1.3)),
        slope=float(np.clip(1 + 0.16 * z[8] + 0.10 * elderly, 0.6, 1.5)),
        bend=5.5 * z[9] * (1 + elderly),
        width=1 + 0.045 * z[10] + 0.04 * elderly,
        seed=int(rng.integers(2**31)),
    )


def pose(view: str, ill: float, rng: np.random.Generator) -> Pose:
    """Draw a pose; an AP film is taken of people who cannot stand, `ill` 0 to 1 breathe less."""
    z = rng.standard_normal(5)
    portable = view == "AP"
    supine = portable and rng.random() < 0.55
    breath = 0.74 + 0.15 * z[0] - (0.24 if portable else 0) - 0.12 * ill
    return Pose(
        view=view,
        supine=supine,
        inspiration=float(np.clip(breath, 0, 1.1)),
        arms=float(np.clip((0.42 if portable else 0.72) + 0.2 * z[1], 0.08, 1.2)),
        scapula=float((-8 if portable else 17) + 7 * z[2]),
        lordosis=float((16 if portable else 0) + 6 * z[3]),
    )


def geometry(person: Build, stance: Pose, size: int, rng: np.random.Generator) -> Geometry:
    """Place the person before the detector: field, tilt and shift vary as they do in practice."""
    portable = stance.view == "AP"
    z = rng.standard_normal(6)
    loose = 1.7 if portable else 1.0
    distance = (1150 + 90 * z[0]) if portable else 1830
    scale = distance / (distance - 150)
    fill = float(np.clip(0.80 + 0.06 * z[1] - (0.05 if portable else 0), 0.60, 0.95))
    field = 268 * person.scale * person.width * scale / fill
    warp = np.stack([cut(rng, coarse_side(size), 3.0, 240) for _ in range(2)])
    top = -176 + 0.5 * field / scale / person.scale
    return Geometry(
        size=size,
        field=float(field),
        source_to_image=float(distance),
        to_detector=float(0.5 * person.depth + 25),
        facing=-1 if portable else 1,
        rotation=float(0.034 * loose * z[2]),
        tilt=float(0.024 * loose * z[3]),
        centre=(7 * loose * z[4], float(top * person.scale * scale + 8 * loose * z[5])),
        warp=(np.float32(2.4) * warp).astype(np.float32),
    )
