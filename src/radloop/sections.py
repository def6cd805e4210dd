"""What every section of params.yaml is, and those sections that rooms read without any other: volumes, masks, noise."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """A sub-section of params.yaml; an unknown key is an error, for a misspelt knob must not be silent."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    values: dict[str, tuple[float, float]] = {"CT": (-8192, 65535), "PT": (0, 200), "MR": (-65536, 65535)}
    air: tuple[float, float] = (-8192, -500)


class Masks(Section):
    """Bounds that each region of a mask keeps on its image, as shares of its voxels; `labels`: which may occur."""

    on_nothing: float = 0.5
    at_edge: float = 0.2
    labels: tuple[str, ...] = ()


class NonLocalMeans(Section):
    """How alike patches are averaged: radii in voxels, `strength` in standard deviations of the noise.

    `noise`: gaussian, or rician as magnitudes of MR have it, whose mean is raised where signal is low. `sigma` is the
    noise in the image's unit, None to estimate it from each image. An axis whose spacing is more than `anisotropy`
    times the finest is neither searched nor compared along.
    """

    patch: int = Field(1, ge=1)
    search: int = Field(3, ge=1)
    strength: float = Field(0.8, gt=0)
    noise: Literal["gaussian", "rician"] = "gaussian"
    sigma: float | None = Field(None, ge=0)
    anisotropy: float = Field(2.0, ge=1)


class BiasField(Section):
    """How smooth a field of an MR's coil may be: `distance` in mm between control points, `fwhm` of the logarithm.

    `iterations` at most on each level, `tolerance` the change of the field, as a share, at which a level ends.
    """

    distance: float = Field(60.0, gt=0)
    fwhm: float = Field(0.15, gt=0)
    iterations: int = Field(50, ge=1)
    tolerance: float = Field(0.0005, gt=0)


class Denoise(Section):
    """What is taken out of an image before all else; nothing by default. Done in the order of the fields.

    `grid_lines` are taken from radiographs alone, `rings` from axial CT, `bias_field` from MR. `weights` is the file
    of the learned denoiser and `sha256` its hash, without which equal knobs would not be equal images.
    """

    grid_lines: Literal["none", "notch"] = "none"
    rings: Literal["none", "polar_median"] = "none"
    noise: Literal["none", "non_local_means", "learned"] = "none"
    bias_field: Literal["none", "histogram_sharpening"] = "none"
    artefact_above: float = Field(0.5, ge=0, le=1)
    non_local_means: NonLocalMeans = NonLocalMeans()
    bias: BiasField = BiasField()
    weights: str = ""
    sha256: str = ""

    @model_validator(mode="after")
    def _named(self) -> Denoise:
        if self.noise == "learned" and not (self.weights and self.sha256):
            raise ValueError("noise: learned names its weights and their sha256")
        return self
