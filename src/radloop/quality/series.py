"""One reading of every series of a snapshot with the masks on it: what its voxels tell, or why it is no volume."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radloop.catalog import read_content, read_contents
from radloop.dicom.read import parse_dicom
from radloop.dicom.suv import UNIT, suv_factor
from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected
from radloop.files import sha256
from radloop.nifti import CONTENT_TYPE
from radloop.parallel import mapping
from radloop.progress import progress_bar
from radloop.quality.modalities import MASKS, SERIES_SUITES, suite_of
from radloop.quality.volumes import MASK_REFUSALS, REFUSALS, mask_facts, refusal_unnamed, volume_facts
from radloop.volumes import read_mask, read_regions, read_volume, region_names

_NUMBERS = (
    "slices", "finest_spacing", "coarsest_spacing", "shear", "not_finite", "lowest", "highest", "spread", "air",
    "copies", "gap", "patients_of_voxels", "series_of_voxels",
)  # fmt: skip
SERIES_COLUMNS = (
    "series_id", "patient_id", "modality", "suite", "refusal", "refusal_unnamed", "suv_refusal", "unit",
    "unit_told", "right_handed", "orientation", "voxels_sha256", *_NUMBERS,
)  # fmt: skip
_REGION_NUMBERS = ("voxels", "mask_voxels", "millilitres", "at_edge", "on_nothing")
MASK_COLUMNS = (
    "record_id", "label", "laid", "altered", "image_found", "same_patient", "refusal", "refusal_unnamed",
    "same_grid", *_REGION_NUMBERS,
)  # fmt: skip


@dataclass(frozen=True)
class VoxelFacts:
    """What voxels told: `series` has one row per series (SERIES_COLUMNS), `masks` one per region (MASK_COLUMNS)."""

    series: pd.DataFrame
    masks: pd.DataFrame


@dataclass(frozen=True)
class _Job:
    """The rows of one series and of the masks that delineate it; no rows of a series where masks have no volume."""

    images: pd.DataFrame
    masks: pd.DataFrame


def survey_series(folder: Path, catalog: pd.DataFrame, modalities: tuple[str, ...], workers: int) -> VoxelFacts:
    """Read every series of CT, MR or PET of a snapshot once, each with its masks, and keep what the suites judge.

    `catalog`: Stored columns, masks among them. A series of a modality that is none of `modalities` is not read, for
    its rows are quarantined by that alone; one that tells no modality is.
    """
    jobs = _jobs(catalog, modalities)
    series, masks = [], []
    with progress_bar("reading series", len(jobs)) as advance, mapping(min(workers, len(jobs) // 2)) as mapped:
        for told, regions in mapped(partial(_survey, folder), jobs):
            series += told
            masks += regions
            advance(1)
    return VoxelFacts(series_frame(series), mask_frame(masks))


def series_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Facts of series as a table with every column of SERIES_COLUMNS, and who else has the same voxels."""
    frame = pd.DataFrame(rows, columns=list(SERIES_COLUMNS))
    frame["refusal_unnamed"] = refusal_unnamed(frame["refusal"], REFUSALS)
    alike = frame.groupby("voxels_sha256")
    frame["patients_of_voxels"] = alike["patient_id"].transform("nunique")
    frame["series_of_voxels"] = alike["series_id"].transform("nunique")
    return frame.astype(dict.fromkeys(_NUMBERS, float))


def mask_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Facts of masks' regions as a table with every column of MASK_COLUMNS; `mask_voxels` counts the whole mask's."""
    frame = pd.DataFrame(rows, columns=list(MASK_COLUMNS))
    frame["refusal_unnamed"] = refusal_unnamed(frame["refusal"], MASK_REFUSALS)
    frame["voxels"] = frame["voxels"].astype(float)
    told = frame.groupby("record_id")["voxels"]
    frame["mask_voxels"] = told.transform("sum", min_count=1)
    return frame.astype(dict.fromkeys(_REGION_NUMBERS, float))


#: Of a snapshot whose series and masks were not read.
NO_VOXELS = VoxelFacts(series_frame([]), mask_frame([]))


def _jobs(catalog: pd.DataFrame, modalities: tuple[str, ...]) -> list[_Job]:
    suites = suite_of(catalog)
    read = suites.isin(SERIES_SUITES) & (catalog["modality"].isna() | catalog["modality"].isin(list(modalities)))
    images, masks = catalog[read].assign(suite=suites[read]), catalog[suites == MASKS]
    keys = images["series_id"].fillna(images["record_id"])  # what tells no series is one of its own
    series_of = {**dict(zip(images["record_id"], keys, strict=True)), **dict(zip(keys, keys, strict=True))}
    others = catalog[~read & (suites != MASKS)]
    found = {*others["record_id"], *others["series_id"].dropna()}
    delineated = masks["of"].map(series_of)
    jobs = [_Job(rows, masks[delineated == key]) for key, rows in images.groupby(keys, sort=False)]
    loose = masks[delineated.isna()]
    return [*jobs, _Job(images.iloc[:0], loose.assign(image_found=loose["of"].isin(found)))] if len(loose) else jobs


def _survey(folder: Path, job: _Job) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    if job.images.empty:
        loose = job.masks.itertuples()
        return [], [{**_mask_row(folder, row), "image_found": row.image_found, "laid": False} for row in loose]
    told, volume = _survey_volume(folder, job.images)
    owners = set(job.images["patient_id"])
    masks = [
        {**region, "image_found": True, "same_patient": owners == {row.patient_id}}
        for row in job.masks.itertuples()
        for region in _survey_mask(folder, row, volume)
    ]
    return [told], masks


def _survey_volume(folder: Path, rows: pd.DataFrame) -> tuple[dict[str, Any], Volume | None]:
    first = rows.iloc[0]
    modality = first["modality"] or ""
    key = first["record_id"] if pd.isna(first["series_id"]) else first["series_id"]
    told: dict[str, Any] = {
        "series_id": key, "patient_id": first["patient_id"], "modality": modality,
        "suite": first["suite"], "orientation": first["orientation"],
    }  # fmt: skip
    try:
        volume = read_volume(folder, rows)
    except StudyRejected as rejection:
        return {**told, "refusal": rejection.reason}, None
    if modality == "PT" and first["content_type"] != CONTENT_TYPE:
        volume, told["suv_refusal"] = _uptake(folder, rows, volume)
    thickness = first["slice_thickness"]
    gap = None if pd.isna(thickness) or not thickness else volume.spacing[2] / thickness - 1.0
    copies = len(rows) - len({source.instance for source in volume.sources}) if volume.sources else 0
    facts = {**told, **volume_facts(volume, modality), "gap": gap, "copies": copies}
    if facts.get("suv_refusal"):  # without its unit a value is neither too high nor too low: one fault has one reason
        facts |= dict.fromkeys(("unit", "lowest", "highest"))
    return facts, volume


def _uptake(folder: Path, rows: pd.DataFrame, activity: Volume) -> tuple[Volume, str | None]:
    """A PET as SUV in g/ml, or as it is with the reason why nobody can tell its SUV."""
    try:
        factor = suv_factor([parse_dicom(content) for _, content in read_contents(folder, rows)])
    except StudyRejected as rejection:
        return activity, rejection.reason
    return activity.with_voxels(activity.voxels * np.float32(factor), UNIT), None


def _survey_mask(folder: Path, row: Any, volume: Volume | None) -> list[dict[str, Any]]:
    """One row per region, or one that says why the mask cannot be laid on its image; without a volume that is told."""
    told = _mask_row(folder, row)
    if volume is None:
        return [{**told, "laid": False}]
    try:
        regions = _regions(folder, row, volume)
    except StudyRejected as rejection:
        return [{**told, "refusal": rejection.reason}]
    return [{**told, "label": label, **mask_facts(inside, volume)} for label, inside in regions] or [
        {**told, "voxels": 0}
    ]


def _regions(folder: Path, row: Any, volume: Volume) -> list[tuple[str, np.ndarray]]:
    """Every region that the mask declares, with its voxels; a region without contours has none."""
    if row.content_type == CONTENT_TYPE:
        labels = read_mask(folder, row, volume)
        return [(str(number), labels == number) for number in np.unique(labels) if number]
    drawn, nothing = read_regions(folder, row, volume), np.zeros(volume.voxels.shape, bool)
    return [(name, drawn.get(number, nothing)) for number, name in region_names(folder, row).items()]


def _mask_row(folder: Path, row: Any) -> dict[str, Any]:
    return {"record_id": row.record_id, "laid": True, "altered": sha256(read_content(folder, row)) != row.sha256}
