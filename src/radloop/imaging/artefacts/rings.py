"""Rings on CT: a channel of the detector that errs draws a circle around the axis of rotation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates, median_filter

from radloop.imaging.artefacts.scores import score, spread
from radloop.imaging.nonlocal_means import estimate_sigma

#: HU above which a voxel is patient: rings in air are no harm, and air would hide them.
BODY = -300.0
#: Pixels along the radius whose median is what lies there without a ring; rings are much thinner.
WIDTH = 11
#: HU beyond which a difference is an edge of anatomy, and to which the others are clipped before they are averaged.
EDGE, LIMIT = 120.0, 15.0
#: Share of a circle that must be patient for it to count, and radius from which on it has pixels enough.
SEEN, INNERMOST = 0.25, 4
#: Sharpest ring over what noise and anatomy make of a circle: usual on clean slices, and clear.
USUAL, CLEAR = 3.0, 5.5

Centre = tuple[float, float]


@dataclass(frozen=True)
class _Circles:
    """By radius and angle: `detail`, the difference from neighbouring radii in HU, and whether it `counts`."""

    detail: np.ndarray
    counts: np.ndarray

    @property
    def seen(self) -> np.ndarray:
        """Which radii have patient enough."""
        return np.asarray((self.counts.mean(axis=1) > SEEN) & (np.arange(len(self.counts)) >= INNERMOST))

    def means(self) -> np.ndarray:
        """What is alike all around each circle, in HU, clipped so that no edge of anatomy can make a ring."""
        within = np.where(self.counts, np.clip(self.detail, -LIMIT, LIMIT), 0.0)
        return np.asarray(within.sum(axis=1) / np.maximum(self.counts.sum(axis=1), 1))

    def medians(self) -> np.ndarray:
        """By how much each circle stands out, in HU, however far."""
        lines = zip(self.detail, self.counts, strict=True)
        return np.array([np.median(line[take]) if take.any() else 0.0 for line, take in lines])


def ring_score(slice_: np.ndarray, centre: Centre | None = None) -> float:
    """How far whole circles stand out of their neighbours: 0 to 1.

    `slice_`: axial CT [h, w] in HU; `centre`: of rotation in pixels, by default the middle, where a reconstruction
    that is not shifted has it (ReconstructionTargetCenterPatient, PS3.3 C.8.15.3.6). Small slices tell 0.
    """
    height = ring_height(slice_, centre)
    return 0.0 if height is None else score(height, USUAL, CLEAR)


def ring_height(slice_: np.ndarray, centre: Centre | None = None) -> float | None:
    """The sharpest ring over what noise makes of a circle; None where too few circles are patient.

    Second differences along the radius, because a ring is thinner than what anatomy has around the centre; large
    circles count for more, because more pixels agree.
    """
    image = np.asarray(slice_, np.float64)
    circles = _circles(image, centre or _middle(image))
    seen = circles.seen
    if np.count_nonzero(seen) < 3 * WIDTH:
        return None
    reach = len(seen)
    weighted = (circles.means() * np.sqrt(np.arange(reach) / reach))[seen]
    noise = np.sqrt(6 / (2 * np.pi * reach)) * estimate_sigma(image)
    return float(np.abs(np.diff(weighted, 2)).max() / np.hypot(1.0, noise))


def remove_rings(slice_: np.ndarray, above: float = 0.5, centre: Centre | None = None) -> np.ndarray:
    """Take from every circle by how much its median stands out of its neighbours', where rings score above `above`.

    A slice without them comes back as it was. Half circles and rings wider than 5 pixels stay.
    `slice_`: [h, w] in HU. Returns float32 [h, w].
    """
    clean = np.array(slice_, np.float32)
    if ring_score(slice_, centre) <= above:
        return clean
    middle = centre or _middle(slice_)
    circles = _circles(np.asarray(slice_, np.float64), middle)
    medians, seen = circles.medians(), circles.seen
    rings = np.where(seen & (np.abs(medians) > 2 * spread(circles.means()[seen])), medians, 0.0)
    down, across = np.indices(slice_.shape, np.float64)
    away = np.hypot(down - middle[0], across - middle[1])
    taken = np.interp(away, np.arange(len(rings)), rings)
    clean -= np.where(clean > BODY, taken, 0.0).astype(np.float32)
    return clean


def _middle(slice_: np.ndarray) -> Centre:
    return (slice_.shape[0] - 1) / 2, (slice_.shape[1] - 1) / 2


def _circles(slice_: np.ndarray, centre: Centre) -> _Circles:
    reach = int(min(slice_.shape) / 2)
    angles = np.linspace(0, 2 * np.pi, max(64, 4 * reach), endpoint=False)
    radii = np.arange(reach)
    places = [centre[0] + radii[:, None] * np.sin(angles), centre[1] + radii[:, None] * np.cos(angles)]
    polar = map_coordinates(slice_, places, order=1, mode="nearest")
    detail = polar - median_filter(polar, (WIDTH, 1), mode="nearest")
    return _Circles(detail, (polar > BODY) & (np.abs(detail) < EDGE))
