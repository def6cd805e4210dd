"""Sections of use cases that classify films: preprocess, augmentation, training, threshold."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from radloop.sections import Section

Share = float


class Prepare(Section):
    """The one preprocess: `size` in pixels, `low` and `high` in percentiles."""

    size: int
    low: float
    high: float


class Augment(Section):
    """Ranges of the random changes of a training batch; `rotate` in degrees, the rest as shares."""

    rotate: float
    translate: Share
    scale: Share
    brightness: float
    contrast: float
    noise: float
    flip: bool


class Train(Section):
    """Network and optimisation."""

    network: str
    conv1_stride: int
    filters: int = Field(gt=0)
    epochs: int = Field(gt=0)
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    class_weighting: bool
    average_decay: Share
    small_size: int
    small_epochs: int
    augment: Augment
    seed: int


class Calibrate(Section):
    """Threshold rule and the size of the logged embedding."""

    rule: Literal["youden", "sensitivity"]
    sensitivity: Share
    projection: int
