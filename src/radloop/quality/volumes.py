"""Suites for volumes and masks, by modality: facts of each as columns, and the rules that they must keep."""

from __future__ import annotations

from typing import Any

import numpy as np

from radloop.dicom.volume import Volume
from radloop.quality.rules import Rule

#: Lowest and highest value of each modality in its unit: HU (PS3.3 C.11.1.1.2), g/ml; MR has no scale of its own.
#: 65,535 HU is what 16 bits can hold of metal; an SUV of 200 is a dose or a weight in a wrong unit.
RANGES: dict[str, tuple[float, float]] = {"CT": (-8192.0, 65535.0), "PT": (0.0, 200.0), "MR": (-65536.0, 65535.0)}
UNITS = {"CT": ("HU",), "PT": ("g/ml",)}
#: HU between which the median of a CT's air and of its patient lie; outside, a rescale was forgotten.
CT_DARKEST = (-8192.0, -500.0)
#: Millimetres between voxels; beyond them the unit is wrong.
SPACING = (0.05, 20.0)
#: Degrees of shear beyond which a tool that drops it would misplace the patient.
SHEAR = 1.0


def volume_facts(volume: Volume, modality: str) -> dict[str, Any]:
    """One row about a volume, for `volume_rules`: its grid, spacing (mm), shear (degrees), unit and values.

    `air` is the 1st percentile. Values that are not finite count in `not_finite` and nowhere else.
    """
    finite = volume.voxels[np.isfinite(volume.voxels)]
    spacing = volume.spacing
    told = finite.size > 0
    return {
        "modality": modality, "slices": volume.voxels.shape[2], "unit": volume.unit or None,
        "finest_spacing": float(spacing.min()), "coarsest_spacing": float(spacing.max()), "shear": volume.shear,
        "right_handed": bool(np.linalg.det(volume.affine[:3, :3]) > 0),
        "not_finite": volume.voxels.size - finite.size,
        "lowest": float(finite.min()) if told else None, "highest": float(finite.max()) if told else None,
        "spread": float(finite.std()) if told else None, "air": float(np.percentile(finite, 1)) if told else None,
    }  # fmt: skip


def mask_facts(mask: np.ndarray, volume: Volume) -> dict[str, Any]:
    """One row about a mask on its volume's grid, for `mask_rules`: its size, place, and what it lies on.

    `at_edge` is the share of its voxels in the outermost layer of columns and rows; `on_nothing` the share on
    voxels of the volume's lowest value, which is air or padding. `millilitres` is None on another grid.
    """
    same = mask.shape == volume.voxels.shape
    inside = mask.astype(bool)
    voxels = int(inside.sum())
    if not same or not voxels:
        return {"same_grid": same, "voxels": voxels, "millilitres": None, "at_edge": None, "on_nothing": None}
    core = inside[1:-1, 1:-1].sum()
    values = volume.voxels[inside]
    return {
        "same_grid": True, "voxels": voxels, "millilitres": voxels * float(np.prod(volume.spacing)) / 1000.0,
        "at_edge": 1.0 - float(core) / voxels,
        "on_nothing": float(np.mean(values == np.nanmin(volume.voxels))),
    }  # fmt: skip


def volume_rules(modality: str) -> tuple[Rule, ...]:
    """The rules of one modality's volumes; those that hold for every modality come first.

    Broken ones quarantine the series, but for those whose severity is warn.
    """
    common = (
        _between("volume_too_thin", "slices", 2, None),
        _between("spacing_too_fine", "finest_spacing", SPACING[0], None),
        _between("spacing_too_coarse", "coarsest_spacing", None, SPACING[1]),
        Rule("left_handed", "ExpectColumnValuesToBeInSet", "right_handed", {"value_set": [True]}),
        _between("values_not_finite", "not_finite", None, 0),
        _between("volume_constant", "spread", 1e-6, None),
        _between("sheared", "shear", None, SHEAR, "warn"),
    )
    own: tuple[Rule, ...] = ()
    if modality in RANGES:
        low, high = RANGES[modality]
        own += (_between("values_too_low", "lowest", low, None), _between("values_too_high", "highest", None, high))
    if modality in UNITS:
        present = Rule("unit_missing", "ExpectColumnValuesToNotBeNull", "unit")
        own += (present, Rule("unit_unknown", "ExpectColumnValuesToBeInSet", "unit", {"value_set": [*UNITS[modality]]}))
    if modality == "CT":
        own += (_between("air_is_not_air", "air", *CT_DARKEST),)
    return (*common, *own)


def mask_rules(largest_on_nothing: float = 0.5, largest_at_edge: float = 0.2) -> tuple[Rule, ...]:
    """The rules of masks: on the image's grid, not empty, on the patient, and not cut off by the frame (warn)."""
    return (
        Rule("mask_on_another_grid", "ExpectColumnValuesToBeInSet", "same_grid", {"value_set": [True]}),
        _between("mask_empty", "voxels", 1, None),
        _between("mask_on_nothing", "on_nothing", None, largest_on_nothing),
        _between("mask_at_edge", "at_edge", None, largest_at_edge, "warn"),
    )


def _between(reason: str, column: str, low: float | None, high: float | None, severity: str = "quarantine") -> Rule:
    return Rule(reason, "ExpectColumnValuesToBeBetween", column, {"min_value": low, "max_value": high}, severity)
