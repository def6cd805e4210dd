"""From an image and a mask to one row of features, with everything that their values depend on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from radloop.dicom.volume import Volume
from radloop.radiomics.discretise import grey_levels
from radloop.radiomics.knobs import RoiSettings
from radloop.radiomics.local import local_peaks
from radloop.radiomics.morphology import morphology
from radloop.radiomics.region import Region, region
from radloop.radiomics.statistics import histogram_features, intensity_statistics
from radloop.radiomics.texture import texture_features
from radloop.radiomics.volume_histogram import volume_histogram
from radloop.radiomics.voxels import LevelBox

TEXTURES = ("cm", "rlm", "szm", "dzm", "ngt", "ngl")


@dataclass(frozen=True, eq=False)
class RoiFeatures:
    """The features of one region by tag, why some have no value, and the settings that made them."""

    values: Mapping[str, float]
    undefined: Mapping[str, str]
    settings: RoiSettings
    voxels: int
    levels: int
    spacing: tuple[float, float, float] = field(default=(0.0, 0.0, 0.0))

    def row(self) -> dict[str, str | float | int | bool | None]:
        """One row of a table: hash and knobs, what was counted, then the features; NaN where one is undefined."""
        counted = {"voxels": self.voxels, "levels": self.levels}
        told = {f"spacing.{axis}": length for axis, length in zip("ijk", self.spacing, strict=True)}
        return {**self.settings.columns(), **counted, **told, **self.values}


def extract(image: Volume, mask: Volume, settings: RoiSettings | None = None) -> RoiFeatures:
    """The features of the region that `mask` draws in `image`, both [i, j, k] on one grid.

    A feature that the region is too small or too even to have is NaN, with the reason in `undefined`. Raises
    StudyRejected where `radloop.radiomics.region` or a matrix would have to guess, ConfigurationError where knobs do
    not fit the intensities.
    """
    settings = settings or RoiSettings()
    found = region(image, mask, settings)
    seen = found.values[found.counted]
    levels = grey_levels(seen, settings)
    values: dict[str, float] = {}
    for family, compute in _whole(found, seen, levels, settings).items():
        if family in settings.families:
            values |= {f"{family}_{tag}": value for tag, value in compute().items()}
    if set(settings.families) & set(TEXTURES):
        values |= texture_features(LevelBox.of(found, levels), settings)
    values = {tag: value if math.isfinite(value) else math.nan for tag, value in values.items()}
    reason = _reason(seen, levels)
    undefined = {tag: reason for tag, value in values.items() if math.isnan(value)}
    i, j, k = (float(length) for length in found.spacing)
    return RoiFeatures(values, undefined, settings, seen.size, int(np.max(levels)), (i, j, k))


def _whole(
    found: Region, seen: np.ndarray, levels: np.ndarray, settings: RoiSettings
) -> dict[str, Callable[[], dict[str, float]]]:
    """The families that take the region as a whole, each computed only where it is asked for."""
    return {
        "morph": lambda: morphology(found),
        "loc": lambda: local_peaks(found),
        "stat": lambda: intensity_statistics(seen),
        "ih": lambda: histogram_features(levels),
        "ivh": lambda: volume_histogram(seen, settings),
    }


def _reason(seen: np.ndarray, levels: np.ndarray) -> str:
    if seen.size == 1:
        return "the region has one voxel"
    if seen.min() == seen.max():
        return "all intensities of the region are equal"
    if levels.min() == levels.max():
        return "all voxels of the region are of one grey level"
    return "a division by nothing: the region is too thin, or its intensities add up to 0"
