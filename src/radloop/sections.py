"""What every section of params.yaml is, and the sections of use cases that segment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A sub-section of params.yaml; an unknown key is an error, for a misspelt knob must not be silent."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    """How a segmenter learns: `steps` batches are an epoch, after which `judged` cases of validation are looked at.

    `foreground` is the share of patches that lie around a label; `dice` and `cross_entropy` weigh the loss.
    """

    epochs: int = Field(gt=0)
    steps: int = Field(gt=0)
    patience: int
    learning_rate: float
    weight_decay: float
    average_decay: float
    foreground: float
    judged: int = Field(gt=0)
    dice: float
    cross_entropy: float
    over_batch: bool
    augment: Deform
    seed: int
