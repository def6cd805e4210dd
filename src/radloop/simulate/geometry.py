"""Where a point of the body falls on the detector: cone beam, pose, and a little irregularity.

Body coordinates are millimetres: x to the patient's left (image right), y towards the feet,
z towards the front; the origin is the midline at the height of the carina.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from radloop.simulate.kernels import Plane

Points = NDArray[np.float64]


def coarse_side(size: int) -> int:
    """Smooth organs are computed on 3/8 of the image's side: finer costs time and shows nothing."""
    return 3 * size // 8


@dataclass(frozen=True)
class Geometry:
    """One exposure's geometry, so that organs near the tube are magnified more than far ones.

    size: image side in px. field: image side in mm on the detector. source_to_image: mm.
    to_detector: mm from the body's mid-plane to the detector. facing: +1 where the front of the
    body faces the detector (PA), -1 where the back does (AP). rotation: of the body about its
    long axis, rad. tilt: of the body in the image, rad. centre: body point (mm, detector scale)
    in the middle of the image. warp: (2, coarse, coarse) mm of smooth irregularity.
    """

    size: int
    field: float
    source_to_image: float
    to_detector: float
    facing: int
    rotation: float
    tilt: float
    centre: tuple[float, float]
    warp: Plane

    @property
    def coarse(self) -> int:
        """The side in px of the coarse grid on which smooth organs are computed."""
        return coarse_side(self.size)

    @property
    def pitch(self) -> float:
        """mm per pixel on the detector."""
        return self.field / self.size

    def magnification(self, z: float | Points) -> float | Points:
        """How much larger than life a body plane at depth `z` (mm) is on the detector."""
        away = self.to_detector - self.facing * z
        return self.source_to_image / (self.source_to_image - away)

    @cached_property
    def _detector(self) -> tuple[Plane, Plane]:
        u = ((np.arange(self.coarse) + 0.5) / self.coarse - 0.5).astype(np.float32) * self.field
        cos, sin = np.float32(np.cos(self.tilt)), np.float32(np.sin(self.tilt))
        x = cos * u[None, :] + sin * u[:, None] + np.float32(self.centre[0])
        y = -sin * u[None, :] + cos * u[:, None] + np.float32(self.centre[1])
        return x + self.warp[0], y + self.warp[1]

    def plane(self, z: float) -> tuple[Plane, Plane]:
        """Body x and y in mm at depth `z` for every pixel of the coarse grid."""
        inverse = np.float32(1 / self.magnification(z))
        x, y = self._detector
        return x * inverse - np.float32(z * self.rotation), y * inverse

    def pixels(self, points: Points) -> Points:
        """Where body points (n, 3) in mm fall: (n, 3) of x px, y px, px per mm of body."""
        scale = self.magnification(points[:, 2])
        x = (points[:, 0] + points[:, 2] * self.rotation) * scale - self.centre[0]
        y = points[:, 1] * scale - self.centre[1]
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        u, v = cos * x - sin * y, sin * x + cos * y
        column = np.clip((u / self.field + 0.5) * self.coarse, 0, self.coarse - 1).astype(np.int64)
        row = np.clip((v / self.field + 0.5) * self.coarse, 0, self.coarse - 1).astype(np.int64)
        x, y = x - self.warp[0, row, column], y - self.warp[1, row, column]
        u, v = cos * x - sin * y, sin * x + cos * y
        middle = self.size / 2 - 0.5
        per_mm = np.broadcast_to(scale, x.shape) / self.pitch
        return np.column_stack([u / self.pitch + middle, v / self.pitch + middle, per_mm])
