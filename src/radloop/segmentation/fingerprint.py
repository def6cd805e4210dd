"""A fingerprint of images with masks: what a plan must know of them, in a few numbers and of no single patient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from radloop.dicom.volume import Volume
from radloop.errors import GateClosed, StudyRejected
from radloop.sections import Section
from radloop.segmentation.intensity import ABSOLUTE, Intensity

#: Voxels of the foreground that one case adds at most, evenly spaced, so that large cases outweigh none.
SAMPLED = 10_000
#: Percentiles between which values of the foreground are kept.
LOWEST, HIGHEST = 0.5, 99.5
MM3_PER_ML = 1000.0
#: Of a voxel: how far the corners of two channels may lie apart.
ON_GRID = 0.01

Triple = tuple[float, float, float]


class Structure(Section):
    """One label in the data: cases that have it, and its median size in them, as a share of voxels and in ml."""

    cases: int
    share: float
    millilitres: float


class Fingerprint(Section):
    """What the data look like: medians over cases along i, j and k.

    `spacing` and `finest_spacing` (10th percentile) in mm, `extent` in mm, `voxels`: median of a case's count;
    `intensity` by channel; `structures` by label.
    """

    cases: int
    spacing: Triple
    finest_spacing: Triple
    extent: Triple
    voxels: float
    intensity: tuple[Intensity, ...]
    structures: dict[int, Structure]

    @property
    def channels(self) -> int:
        """How many images a case has."""
        return len(self.intensity)

    @property
    def classes(self) -> int:
        """Classes that a network tells apart, the background among them."""
        return len(self.structures) + 1


def check_case(images: Sequence[Volume], mask: np.ndarray, labels: Sequence[int], largest_anisotropy: float) -> None:
    """Let a case pass whose `images` (its channels, on one grid) and `mask` (int [i, j, k]) can teach.

    Raises StudyRejected: `grid` for another shape or place, `not_finite`, `undeclared_label`, `empty_mask`, and
    `anisotropy` where the longest side of a voxel is more than `largest_anisotropy` times its shortest.
    """
    first = images[0]
    for image in images:
        if image.voxels.shape != mask.shape or not _same_place(image, first):
            raise StudyRejected("grid", "images and mask do not share one grid.", "resample them to the first image")
        if not np.isfinite(image.voxels).all():
            raise StudyRejected("not_finite", "an image has voxels that are no numbers.", "send the image again")
    if strangers := sorted(set(np.unique(mask).tolist()) - {0, *labels}):
        raise StudyRejected(
            "undeclared_label", f"the mask has {strangers}, and {tuple(labels)} are declared.", "declare or correct it"
        )
    if not mask.any():
        raise StudyRejected("empty_mask", "the mask delineates nothing.", "send the mask again, or leave the case out")
    anisotropy = float(first.spacing.max() / first.spacing.min())
    if anisotropy > largest_anisotropy:
        raise StudyRejected(
            "anisotropy",
            f"voxels are {anisotropy:.1f} times as long as wide, and {largest_anisotropy:g} is the limit.",
            "raise the limit with a reason, or leave the case out",
        )


def _same_place(one: Volume, other: Volume) -> bool:
    corners = np.array(np.meshgrid(*[(0, side) for side in one.voxels.shape], indexing="ij")).reshape(3, -1).T
    apart = np.abs(one.positions(corners) - other.positions(corners)).max()
    return bool(apart <= ON_GRID * one.spacing.min())


@dataclass
class _Gathered:
    """What was seen of the cases so far."""

    spacing: list[np.ndarray] = field(default_factory=list)
    shape: list[tuple[int, ...]] = field(default_factory=list)
    units: list[tuple[str, ...]] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    counts: list[dict[int, int]] = field(default_factory=list)

    def add(self, images: Sequence[Volume], mask: np.ndarray) -> None:
        inside = np.flatnonzero(mask)
        chosen = inside[np.linspace(0, len(inside) - 1, min(len(inside), SAMPLED)).astype(np.int64)]
        self.values.append(np.stack([np.ravel(image.voxels)[chosen] for image in images]).astype(np.float64))
        self.spacing.append(images[0].spacing)
        self.shape.append(mask.shape)
        self.units.append(tuple(image.unit for image in images))
        found, counts = np.unique(mask, return_counts=True)
        self.counts.append(dict(zip(found.tolist(), counts.tolist(), strict=True)))


def fingerprint(
    cases: Iterable[tuple[Sequence[Volume], np.ndarray]], labels: Sequence[int], largest_anisotropy: float
) -> Fingerprint:
    """Look at each case once: its images (channels on one grid) and its mask, int [i, j, k] with `labels` from 1 up.

    One case is in memory at a time. Raises StudyRejected as `check_case` does, GateClosed where there is no case, no
    mask has one of the labels, cases differ in their number of images, or `labels` are not 1, 2, 3 and so on.
    """
    if list(labels) != list(range(1, len(labels) + 1)):
        raise GateClosed(f"labels are {tuple(labels)}, not 1, 2, 3 and so on.", "number them anew")
    seen = _Gathered()
    for images, mask in cases:
        check_case(images, mask, labels, largest_anisotropy)
        seen.add(images, mask)
    if len({len(units) for units in seen.units}) != 1:
        raise GateClosed(f"{len(seen.units)} cases, not all with equally many images.", "choose cases that have all")
    spacing, shape = np.array(seen.spacing), np.array(seen.shape)
    return Fingerprint(
        cases=len(seen.shape),
        spacing=_triple(np.median(spacing, axis=0)),
        finest_spacing=_triple(np.percentile(spacing, 10, axis=0)),
        extent=_triple(np.median(spacing * shape, axis=0)),
        voxels=float(np.median(shape.prod(axis=1))),
        intensity=_intensities(seen),
        structures={label: _structure(seen, label) for label in labels},
    )


def _triple(values: np.ndarray) -> Triple:
    i, j, k = (round(float(value), 6) for value in values)
    return i, j, k


def _intensities(seen: _Gathered) -> tuple[Intensity, ...]:
    told = []
    for channel, values in enumerate(np.concatenate(seen.values, axis=1)):
        units = {units[channel] for units in seen.units}
        low, high = np.percentile(values, (LOWEST, HIGHEST))
        told.append(Intensity(
            each=len(units) > 1 or not units <= set(ABSOLUTE),
            low=float(low), high=float(high), mean=float(values.mean()), deviation=float(values.std()),
        ))  # fmt: skip
    return tuple(told)


def _structure(seen: _Gathered, label: int) -> Structure:
    having = [at for at, counts in enumerate(seen.counts) if label in counts]
    if not having:
        raise GateClosed(f"no mask of {len(seen.counts)} has the label {label}.", "leave it out of the declared labels")
    counts = np.array([seen.counts[at][label] for at in having])
    voxel = np.array([float(np.prod(seen.spacing[at])) for at in having])
    sizes = np.array([float(np.prod(seen.shape[at])) for at in having])
    return Structure(
        cases=len(having),
        share=float(np.median(counts / sizes)),
        millilitres=float(np.median(counts * voxel)) / MM3_PER_ML,
    )
