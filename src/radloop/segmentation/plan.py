"""A plan: all that a training of segmentation is told, made from the data's fingerprint within a memory budget.

It is plain numbers, so that a person reads it, keeps it beside the model, and overrules any of it in params.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import yaml
from pydantic import ValidationError

from radloop.errors import ConfigurationError
from radloop.sections import Section
from radloop.sections.segmentation import Along, Planning
from radloop.segmentation.fingerprint import Fingerprint, Triple
from radloop.segmentation.footprint import Footprint, footprint
from radloop.segmentation.inference import Window
from radloop.segmentation.intensity import Intensity
from radloop.segmentation.losses import Loss
from radloop.segmentation.networks import Segmenter
from radloop.segmentation.topology import divisors, rounded_up, topology, widths

#: A case this many times as coarse along an axis as along the finest is planned on a finer grid of that axis.
UNEVEN = 3.0
#: Fewer slices than this say little of depth, so each is learnt by itself.
FEW_SLICES = 8
#: Cases of a batch that a plan wants at least, before it wants a larger patch.
COMPANY = 2
#: A label of a smaller share of a case's voxels, or lacking in more of the cases, is rare.
RARE_SHARE, RARE_CASES = 1e-3, 0.05
#: Share of patches that are centred on a label: as usual, and where a label is rare.
USUAL_FOREGROUND, MORE_FOREGROUND = 1 / 3, 1 / 2
#: Coarser stages that answer too; those below a quarter of the side teach little.
SUPERVISED = 2


class Plan(Section):
    """What is trained, and on what.

    `axes`: 2 or 3; `spacing`: mm along i, j, k to which cases are resampled, the last kept as it is where `axes` is 2;
    `patch`: voxels; `batch`: cases; `classes`: with the background; `filters`, `strides`, `kernels`, `supervised`: as
    of `Segmenter`; `dice`, `cross_entropy`, `over_batch`: as of `Loss`; `foreground`: share of patches that are
    centred on a label; `intensity`: by channel. `parameters` and `memory_mib` tell what that costs.
    """

    network: str
    axes: int
    channels: int
    classes: int
    spacing: Triple
    patch: Along
    batch: int
    filters: Along
    strides: tuple[Along, ...]
    kernels: tuple[Along, ...]
    supervised: int
    dice: float
    cross_entropy: float
    over_batch: bool
    foreground: float
    intensity: tuple[Intensity, ...]
    parameters: int
    memory_mib: float

    @property
    def segmenter(self) -> Segmenter:
        """The network that is planned."""
        return Segmenter(
            self.network, self.axes, self.channels, self.classes,
            self.filters, self.strides, self.kernels, self.supervised,
        )  # fmt: skip

    @property
    def loss(self) -> Loss:
        """The loss that is planned."""
        return Loss(self.dice, self.cross_entropy, self.over_batch)

    def window(self, overlap: float = 0.5, flips: tuple[int, ...] = ()) -> Window:
        """How a whole image is walked with the planned patch."""
        return Window(self.patch, divisors(self.strides), overlap, flips)

    def to_yaml(self) -> str:
        """The plan as a file that people read."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, default_flow_style=None)

    @classmethod
    def from_yaml(cls, text: str) -> Plan:
        """The plan that `to_yaml` gave. Raises ConfigurationError where it is none."""
        try:
            return cls(**yaml.safe_load(text))
        except (ValidationError, yaml.YAMLError, TypeError) as error:
            raise ConfigurationError(f"no plan: {error}", "make the plan again") from error


@dataclass(frozen=True)
class _Draft:
    """A network on a patch, and what it costs."""

    spec: Segmenter
    patch: Along
    cost: Footprint


def plan(data: Fingerprint, knobs: Planning) -> Plan:
    """Make the plan that fits `knobs.memory_mib`, as large a patch as two cases of it leave room for.

    Raises ConfigurationError where nothing fits, or where values that are fixed do not fit together.
    """
    spacing = knobs.spacing or target_spacing(data)
    size = _size(data, spacing)
    axes = knobs.axes or (2 if size[2] < FEW_SLICES else 3)
    draft = _fit(data, knobs, size[:axes], spacing[:axes])
    batch = knobs.batch or _batch(draft.cost, knobs, data, draft.patch)
    _require_room(draft, batch, knobs.memory_mib)
    rare = is_rare(data)
    return Plan(
        network=draft.spec.name, axes=axes, channels=data.channels, classes=data.classes, spacing=spacing,
        patch=draft.patch, batch=batch, filters=draft.spec.filters, strides=draft.spec.strides,
        kernels=draft.spec.kernels, supervised=draft.spec.supervised,
        dice=_given(knobs.dice, 1.0), cross_entropy=_given(knobs.cross_entropy, 1.0),
        over_batch=_given(knobs.over_batch, rare),
        foreground=_given(knobs.foreground, MORE_FOREGROUND if rare else USUAL_FOREGROUND),
        intensity=data.intensity, parameters=draft.cost.parameters, memory_mib=round(draft.cost.mib(batch), 1),
    )  # fmt: skip


def _given(value: Any, planned: Any) -> Any:
    return planned if value is None else value


def target_spacing(data: Fingerprint) -> Triple:
    """The median spacing; along an axis that is coarse and short, the finest tenth's, so that thin slices stay thin."""
    finest = min(data.spacing)
    most = max(extent / length for extent, length in zip(data.extent, data.spacing, strict=True))
    axes = zip(data.spacing, data.finest_spacing, data.extent, strict=True)
    i, j, k = (
        thin if length > UNEVEN * finest and extent / length < most / UNEVEN else length
        for length, thin, extent in axes
    )
    return i, j, k


def is_rare(data: Fingerprint) -> bool:
    """True where a label is small or often lacking: a patch then seldom has it, so overlap is counted over batches."""
    return any(one.share < RARE_SHARE or one.cases < (1 - RARE_CASES) * data.cases for one in data.structures.values())


def _size(data: Fingerprint, spacing: Triple) -> Along:
    return tuple(max(1, round(extent / length)) for extent, length in zip(data.extent, spacing, strict=True))


def _draft(data: Fingerprint, knobs: Planning, patch: Along, spacing: tuple[float, ...]) -> _Draft:
    """The network for a patch of about this size, which becomes what the network can divide."""
    together = knobs.network != "dynunet"
    stages = len(knobs.strides or knobs.filters or knobs.kernels or ()) or None
    strides, kernels = topology(patch, spacing, together, stages)
    strides, kernels = knobs.strides or strides, knobs.kernels or kernels
    filters = knobs.filters or widths(knobs.first_filters, len(strides), len(patch))
    if knobs.network == "segresnet" and knobs.filters is None:
        filters = tuple(knobs.first_filters * 2**stage for stage in range(len(strides)))
    supervised = _given(knobs.supervised, 0 if together else min(SUPERVISED, len(strides) - 2))
    spec = Segmenter(knobs.network, len(patch), data.channels, data.classes, filters, strides, kernels, supervised)
    _require_axes(spec)
    by = spec.divisors
    sides = knobs.patch or rounded_up(tuple(max(side, 2 * one) for side, one in zip(patch, by, strict=True)), by)
    if rounded_up(sides, by) != sides or max(side // one for side, one in zip(sides, by, strict=True)) < 2:
        raise ConfigurationError(
            f"plan.patch of {sides} is no multiple of {by}, or no more than that at its bottom",
            f"take {rounded_up(tuple(max(side, 2 * one) for side, one in zip(sides, by, strict=True)), by)}, "
            "or fewer stages by plan.filters",
        )
    return _Draft(spec, sides, footprint(spec, sides))


def _require_axes(spec: Segmenter) -> None:
    if any(len(one) != spec.axes for one in (*spec.strides, *spec.kernels)):
        raise ConfigurationError(
            f"plan.strides or plan.kernels are not of {spec.axes} axes each", "give one number for each axis"
        )


def _fit(data: Fingerprint, knobs: Planning, size: Along, spacing: tuple[float, ...]) -> _Draft:
    """The largest patch, in the proportions of `size`, of which a batch fits; a fixed one as it is."""
    if knobs.patch is not None and len(knobs.patch) != len(size):
        raise ConfigurationError(f"plan.patch of {knobs.patch} has not {len(size)} axes", "correct it or plan.axes")
    wanted = knobs.batch or COMPANY
    draft = _draft(data, knobs, knobs.patch or size, spacing)
    while knobs.patch is None and draft.cost.mib(wanted) > knobs.memory_mib:
        room = max(0.0, knobs.memory_mib - draft.cost.fixed) / wanted / draft.cost.per_case
        smaller = _shrunk(draft, size, room)
        if smaller == draft.patch:
            break
        draft = _draft(data, knobs, smaller, spacing)
    return draft


def _shrunk(draft: _Draft, size: Along, room: float) -> Along:
    """A patch of at most this share of the draft's voxels, or the least of its network.

    The axis along which it shows most of a case goes first, step by step.
    """
    steps, sides = draft.spec.divisors, list(draft.patch)
    while prod(sides) > room * prod(draft.patch):
        able = [axis for axis, step in enumerate(steps) if sides[axis] > 2 * step]
        if not able:
            break
        longest = max(able, key=lambda axis: (sides[axis] / size[axis], sides[axis]))
        sides[longest] -= steps[longest]
    return tuple(sides)


def _batch(cost: Footprint, knobs: Planning, data: Fingerprint, patch: Along) -> int:
    """Cases that fit, up to the knob, and to a twentieth of all voxels there are, beyond which batches are alike."""
    fits = int(max(0.0, knobs.memory_mib - cost.fixed) / cost.per_case)
    slices = data.cases * data.voxels
    return max(1, min(fits, knobs.largest_batch, max(COMPANY, int(0.05 * slices / prod(patch)))))


def _require_room(draft: _Draft, batch: int, budget: float) -> None:
    told = draft.cost.mib(batch)
    if told > budget:
        raise ConfigurationError(
            f"training {draft.spec.name} on {batch} patches of {draft.patch} takes about {told:.0f} MiB, and "
            f"plan.memory_mib is {budget:.0f}; {draft.cost.fixed:.0f} MiB of it are taken whatever the patch",
            "lower plan.patch, plan.batch or plan.first_filters, or raise plan.memory_mib",
        )
