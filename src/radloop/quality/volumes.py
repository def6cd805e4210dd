"""Suites for volumes and masks, by modality: facts of each as columns, and the rules that they must keep."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radloop.dicom.volume import Volume
from radloop.files import sha256
from radloop.quality.rules import Rule, between, within
from radloop.sections.suites import Masks, Volumes

UNITS = {"CT": ("HU",), "PT": ("g/ml",)}
#: Rules about why a series is no volume, with the reasons of `dicom.series` that break each.
REFUSALS: dict[str, tuple[str, ...]] = {
    "slice_missing": ("missing_slice",),
    "slices_doubled": ("duplicate_slices", "overlapping_slices", "instance_uid_conflict"),
    "slice_spacing_mixed": ("mixed_slice_spacing", "drifting_slices", "mixed_pixel_spacing"),
    "orientation_mixed": ("mixed_orientation", "mixed_frame_of_reference", "mixed_size"),
    "several_volumes_in_series": ("several_volumes", "several_series"),
    "localiser_in_series": ("localiser",),
    "gantry_tilted": ("gantry_tilt",),
    "geometry_missing": (
        "no_geometry", "no_PixelSpacing", "no_ImagePositionPatient", "no_ImageOrientationPatient", "orientation",
        "no_FrameOfReferenceUID", "one_slice", "frames_without_places", "frame_count",
    ),
    "unit_contradicts": ("mixed_units", "no_RescaleSlope"),
}  # fmt: skip
#: The same for masks, with the reasons of `dicom.structures`, `dicom.segments` and `radloop.volumes`.
MASK_REFUSALS: dict[str, tuple[str, ...]] = {
    "mask_in_another_frame": ("frame_of_reference",),
    "mask_outside": ("contour_outside", "contour_off_slice", "grid"),
    "mask_skips_slices": ("contours_skip_slices",),
    "mask_labels_undeclared": ("segment_numbers", "roi_numbers"),
}


def volume_facts(volume: Volume, modality: str) -> dict[str, Any]:
    """One row about a volume, for `volume_rules`: its grid, spacing (mm), shear (degrees), unit and values.

    `air` is the 1st percentile, `voxels_sha256` names the values with their shape. Values that are not finite count in
    `not_finite` and nowhere else. `unit` is the modality's own where nobody told one, which `unit_told` says.
    """
    finite = volume.voxels[np.isfinite(volume.voxels)]
    spacing = volume.spacing
    told = finite.size > 0
    return {
        "modality": modality, "slices": volume.voxels.shape[2],
        "unit": volume.unit or UNITS.get(modality, ("",))[0] or None, "unit_told": bool(volume.unit),
        "voxels_sha256": sha256(f"{volume.voxels.shape}".encode() + np.ascontiguousarray(volume.voxels.T).tobytes()),
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


def volume_rules(modality: str, bounds: Volumes = Volumes()) -> tuple[Rule, ...]:
    """The rules of one modality's series; those that hold for every modality come first.

    Broken ones quarantine the series, but for those whose severity is warn. A NIfTI never tells its unit and may be
    left-handed, both of which its affine and its manifest make good: they warn.
    """
    common = (
        *_refused("series_unreadable", REFUSALS),
        between("volume_too_thin", "slices", bounds.smallest_slices, None),
        between("spacing_too_fine", "finest_spacing", bounds.spacing[0], None),
        between("spacing_too_coarse", "coarsest_spacing", None, bounds.spacing[1]),
        between("values_not_finite", "not_finite", None, 0),
        between("volume_constant", "spread", 1e-6, None),
        between("volume_of_two_patients", "patients_of_voxels", None, 1),
        between("volume_repeated", "series_of_voxels", None, 1, "warn"),
        between("slices_repeated", "copies", None, 0, "warn"),
        between("gaps_between_slices", "gap", None, bounds.largest_gap, "warn"),
        within("left_handed", "right_handed", (True,), "warn"),
        between("sheared", "shear", None, bounds.shear, "warn"),
    )
    turned = (within("orientation_not_accepted", "orientation", bounds.orientation),) if bounds.orientation else ()
    return (*common, *turned, *_of_values(modality, bounds))


def mask_rules(bounds: Masks = Masks()) -> tuple[Rule, ...]:
    """The rules of a mask's regions: of an image that is here, on its grid, not empty, and on the patient."""
    declared = (
        (
            within("label_not_declared", "label", bounds.labels),
            between("label_missing", "labels_missing", None, 0, "warn"),
        )
        if bounds.labels
        else ()
    )
    return (
        within("mask_altered", "altered", (False,), "stop"),
        within("mask_of_no_image", "image_found", (True,)),
        within("mask_of_another_patient", "same_patient", (True,)),
        within("mask_of_quarantined_image", "image_accepted", (True,)),
        *_refused("mask_unreadable", MASK_REFUSALS),
        within("mask_on_another_grid", "same_grid", (True,)),
        between("mask_empty", "mask_voxels", 1, None),
        between("mask_on_nothing", "on_nothing", None, bounds.on_nothing),
        *declared,
        within("mask_not_laid_on_image", "laid", (True,), "warn"),
        between("region_empty", "voxels", 1, None, "warn"),
        between("mask_at_edge", "at_edge", None, bounds.at_edge, "warn"),
    )


def refusal_unnamed(refusals: pd.Series, named: dict[str, tuple[str, ...]]) -> pd.Series:
    """What is left of refusals when those that have a rule of their own are taken out: None where one has."""
    known = {reason for reasons in named.values() for reason in reasons}
    return refusals.where(~refusals.isin(known), None)


def _of_values(modality: str, bounds: Volumes) -> tuple[Rule, ...]:
    own: tuple[Rule, ...] = ()
    if modality in bounds.values:
        low, high = bounds.values[modality]
        own += (between("values_too_low", "lowest", low, None), between("values_too_high", "highest", None, high))
    if modality in UNITS:
        own += (within("unit_unknown", "unit", UNITS[modality]), within("unit_untold", "unit_told", (True,), "warn"))
    if modality == "CT":
        own += (between("air_is_not_air", "air", *bounds.air),)
    if modality == "PT":
        own += (Rule("suv_not_computable", "ExpectColumnValuesToBeNull", "suv_refusal"),)
    return own


def _refused(rest: str, named: dict[str, tuple[str, ...]]) -> tuple[Rule, ...]:
    """One rule for each kind of refusal, and `rest` for all that have no name (see `refusal_unnamed`)."""
    rules = [
        Rule(name, "ExpectColumnValuesToNotBeInSet", "refusal", {"value_set": [*reasons]})
        for name, reasons in named.items()
    ]
    return (*rules, Rule(rest, "ExpectColumnValuesToBeNull", "refusal_unnamed"))
