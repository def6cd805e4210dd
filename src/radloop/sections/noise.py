"""The sections about noise removal, which `imaging` reads without any other."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from radloop.sections import Section


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
