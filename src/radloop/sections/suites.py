"""Sections about volumes and masks, whose suites share no other knob."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from radloop.sections import Section


class Volumes(Section):
    """Bounds that a series of CT, MR or PET keeps as a whole.

    `spacing`: mm from voxel to voxel; `shear`: degrees; `largest_gap`: millimetres between slices, as a share of their
    thickness; `values`: lowest and highest by DICOM modality in its unit, HU (PS3.3 C.11.1.1.2), g/ml, none for MR;
    `air`: HU of the 1st percentile of a CT.
    """

    smallest_slices: int = 2
    spacing: tuple[float, float] = (0.05, 20.0)
    shear: float = 1.0
    largest_gap: float = 0.5
    orientation: tuple[Literal["axial", "coronal", "sagittal", "oblique"], ...] = ()
    values: dict[str, tuple[float, float]] = Field(
        default={"CT": (-8192, 65535), "PT": (0, 200), "MR": (-65536, 65535)}
    )
    air: tuple[float, float] = (-8192, -500)


class Masks(Section):
    """Bounds that each region of a mask keeps on its image, as shares of its voxels; `labels`: which may occur."""

    on_nothing: float = 0.5
    at_edge: float = 0.2
    labels: tuple[str, ...] = ()
