"""What a person may fix of a plan; what is left out is planned from the data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from radloop.sections import Section

Along = tuple[int, ...]


class Knobs(Section):
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
