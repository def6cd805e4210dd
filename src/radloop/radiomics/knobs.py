"""The knobs of ROI features: what is done to image and mask before anything is counted, and how it is counted."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import Field, field_validator, model_validator

from radloop.sections import Section

Aggregation = Literal["2D_avg", "2D_comb", "2_5D_avg", "2_5D_comb", "3D_avg", "3D_comb"]
Family = Literal["morph", "loc", "stat", "ih", "ivh", "cm", "rlm", "szm", "dzm", "ngt", "ngl"]
AGGREGATIONS: tuple[Aggregation, ...] = ("2D_avg", "2D_comb", "2_5D_avg", "2_5D_comb", "3D_avg", "3D_comb")
FAMILIES: tuple[Family, ...] = ("morph", "loc", "stat", "ih", "ivh", "cm", "rlm", "szm", "dzm", "ngt", "ngl")
#: Part of every settings hash: raise it when a change of code changes any value.
ENGINE = "radloop-roi-1"


class Resample(Section):
    """Where voxels come to lie: `spacing` in mm along i, j and k, 0 for an axis that stays; empty resamples nothing.

    `image` interpolates intensities, `mask` the region, which takes what it covers by at least `mask_share`;
    `whole_numbers` rounds intensities afterwards, as is right for HU.
    """

    spacing: tuple[float, float, float] | tuple[()] = ()
    image: Literal["nearest", "linear", "cubic"] = "cubic"
    mask: Literal["nearest", "linear"] = "linear"
    mask_share: float = Field(0.5, gt=0, le=1)
    whole_numbers: bool = False

    @field_validator("spacing")
    @classmethod
    def _lengths(cls, spacing: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 <= length < float("inf") for length in spacing):
            raise ValueError("spacing is not in mm from 0")
        return spacing


class Resegment(Section):
    """Which voxels of the region count where intensities are: `range` lowest and highest, `outliers` in SD of the mean.

    Both are judged on the same region, and what both keep is kept. Shape is that of the region before.
    """

    range: tuple[float, float] | tuple[()] = ()
    outliers: float | None = Field(None, gt=0)

    @field_validator("range")
    @classmethod
    def _ascending(cls, bounds: tuple[float, ...]) -> tuple[float, ...]:
        if bounds and not bounds[0] < bounds[1]:
            raise ValueError("range is not the lowest and then the highest intensity")
        return bounds


class Discretise(Section):
    """Grey levels: `fbn` a fixed number of `bins` from least to largest, `fbs` a fixed `width` from `origin` upwards.

    Without an `origin`, bins of a fixed width start at the lower bound of the re-segmented range, or at the least
    intensity where there is none: then equal levels of two patients are not equal intensities.
    """

    how: Literal["fbn", "fbs"] = "fbn"
    bins: int = Field(32, ge=1)
    width: float = Field(25.0, gt=0)
    origin: float | None = None


class VolumeHistogram(Section):
    """Levels of the intensity-volume histogram: `fbn` and `fbs` as in `Discretise`, `none` takes whole numbers."""

    how: Literal["none", "fbn", "fbs"] = "fbn"
    bins: int = Field(1000, ge=2)
    width: float = Field(1.0, gt=0)


class RoiSettings(Section):
    """Everything that a feature's value depends on besides image and mask, so that it can travel with the value.

    `label` is the mask's value that is the region, None for all that is not 0. `largest_anisotropy` is the largest
    ratio of the coarsest to the finest spacing at which features in space are still computed.
    """

    resample: Resample = Resample()
    resegment: Resegment = Resegment()
    discretise: Discretise = Discretise()
    volume_histogram: VolumeHistogram = VolumeHistogram()
    families: tuple[Family, ...] = FAMILIES
    aggregations: tuple[Aggregation, ...] = ("3D_comb",)
    label: int | None = Field(None, ge=1)
    coarseness: int = Field(0, ge=0)
    largest_anisotropy: float = Field(10.0, ge=1)
    largest_levels: int = Field(1024, ge=1)

    @model_validator(mode="after")
    def _something(self) -> RoiSettings:
        if not self.families or not self.aggregations:
            raise ValueError("families and aggregations name at least one each")
        return self

    @property
    def hash(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of engine and knobs: equal names, comparable features."""
        told = json.dumps([ENGINE, self.model_dump(mode="json")], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def columns(self) -> dict[str, str | float | int | bool | None]:
        """One column for each knob, by its dotted name; what lists several is told as one text."""
        found: dict[str, str | float | int | bool | None] = {"settings": self.hash, "engine": ENGINE}
        for name, value in self.model_dump(mode="json").items():
            parts = value.items() if isinstance(value, dict) else [("", value)]
            for part, knob in parts:
                key = f"settings.{name}.{part}" if part else f"settings.{name}"
                found[key] = " ".join(map(str, knob)) if isinstance(knob, list) else knob
        return found
