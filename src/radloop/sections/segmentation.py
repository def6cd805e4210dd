"""Sections of use cases that segment: what a person may fix of the plan, how it is learnt, what it must show."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from radloop.sections import Section

Along = tuple[int, ...]


class Planning(Section):
    """A sub-section `plan` of params.yaml: limits of the plan, and values that overrule it, None where it decides.

    `memory_mib`: resident memory of the training process, which the plan keeps; `first_filters`: of the first stage;
    `largest_batch`: of a plan. The others are `Plan`'s own fields.
    """

    memory_mib: float = Field(default=8192.0, gt=0)
    network: Literal["unet", "dynunet", "segresnet", "attentionunet"] = "dynunet"
    first_filters: int = Field(default=32, ge=2)
    largest_batch: int = Field(default=16, gt=0)
    axes: Literal[2, 3] | None = None
    spacing: tuple[float, float, float] | None = None
    patch: Along | None = None
    batch: int | None = Field(default=None, gt=0)
    filters: Along | None = None
    strides: tuple[Along, ...] | None = None
    kernels: tuple[Along, ...] | None = None
    supervised: int | None = Field(default=None, ge=0)
    dice: float | None = Field(default=None, ge=0)
    cross_entropy: float | None = Field(default=None, ge=0)
    over_batch: bool | None = None
    foreground: float | None = Field(default=None, ge=0, le=1)


class Resample(Section):
    """Which cases may be brought onto one grid: voxels at most `largest_anisotropy` times as long as wide."""

    largest_anisotropy: float = Field(ge=1)


class Deform(Section):
    """Ranges of the random changes of patches; `rotate` in degrees either way, all others as shares.

    Brightness and noise are shares of the standard deviation that normalised voxels have; `gamma` bends grey levels.
    """

    rotate: float
    scale: float
    flip: bool
    brightness: float
    contrast: float
    gamma: float
    noise: float


class Segment(Section):
    """How a segmenter learns what its plan says: `steps` batches are an epoch, then `judged` cases are looked at."""

    epochs: int = Field(gt=0)
    steps: int = Field(gt=0)
    patience: int
    learning_rate: float
    weight_decay: float
    average_decay: float
    judged: int = Field(gt=0)
    augment: Deform
    seed: int


class Delineate(Section):
    """How whole images are walked when it counts: by what share windows overlap, and whether they are mirrored too."""

    overlap: float = Field(ge=0, lt=1)
    flips: bool
