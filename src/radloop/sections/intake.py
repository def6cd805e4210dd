"""Sections about what comes in: what is done to identity, where studies come from, which series are taken."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from radloop.sections import Section


class Deidentify(Section):
    """What the removal of identity keeps and cleans: PS3.15 Annex E, the Basic Profile with these options.

    `dates` are shifted, kept or removed. Text in pixels is cleaned, or what may hold it is quarantined or kept as it
    is; faces are quarantined or kept.
    """

    retain_patient_characteristics: bool = True
    retain_device_identity: bool = True
    retain_institution_identity: bool = False
    retain_uids: bool = False
    retain_safe_private: bool = False
    dates: Literal["shifted", "kept", "removed"] = "shifted"
    clean_descriptors: bool = True
    clean_structured_content: bool = False
    clean_graphics: bool = False
    clean_pixel_data: Literal["clean", "quarantine", "keep"] = "quarantine"
    clean_recognizable_visual_features: Literal["quarantine", "keep"] = "quarantine"
    largest_decoded_mib: dict[str, float] = Field(
        default={"default": 512, "MG": 4096, "CT": 4096, "MR": 4096, "PT": 4096}
    )
    largest_frame_mib: dict[str, float] = Field(default={"default": 256, "CT": 64, "MR": 64, "PT": 64, "US": 64})


class Choice(Section):
    """What is taken: one of `include`, anything where that is empty, and never one of `exclude`."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


Orientation = Literal["axial", "coronal", "sagittal", "oblique"]


class Orientations(Section):
    """A `Choice` of how planes lie, so that a misspelt one is an error and not an empty snapshot."""

    include: tuple[Orientation, ...] = ()
    exclude: tuple[Orientation, ...] = ()


class Select(Section):
    """Which series are taken, all by default; `slice_thickness` is the lowest and the highest in mm, or empty."""

    modality: Choice = Choice()
    body_part: Choice = Choice()
    description: Choice = Choice()
    orientation: Orientations = Orientations()
    kernel: Choice = Choice()
    slice_thickness: tuple[float, float] | tuple[()] = ()

    @field_validator("slice_thickness")
    @classmethod
    def _ascending(cls, bounds: tuple[float, ...]) -> tuple[float, ...]:
        if bounds and not 0 <= bounds[0] <= bounds[1]:
            raise ValueError("slice_thickness is not the lowest and then the highest in mm")
        return bounds


class Ingest(Section):
    """Where studies come from by default, and which of their series are taken."""

    source: str
    studies: int = Field(gt=0)
    seed: int
    select: Select = Select()
