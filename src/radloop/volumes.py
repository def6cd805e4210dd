"""A snapshot's bytes to volumes, and its masks on the grid of their image: never voxels without their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydicom.dataset import Dataset
from pydicom.uid import RTStructureSetStorage

from radloop.catalog import map_contents, read_content
from radloop.dicom.read import parse_dicom, text
from radloop.dicom.segments import read_segments, segment_masks
from radloop.dicom.series import series_volume
from radloop.dicom.structures import read_structures, structure_mask
from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected
from radloop.nifti import CONTENT_TYPE, Nifti, read_nifti

ON_GRID = 0.01  # of a voxel: how far a mask's corners may lie from its image's


def read_volume(folder: Path, rows: pd.DataFrame) -> Volume:
    """The volume of one series: `rows` are its rows of the catalog frame, one NIfTI file or all its DICOM objects.

    Values are what the modality measured, as float32 [i, j, k], the affine in LPS millimetres; an enhanced object is
    the volume of its frames. Raises StudyRejected where the rows are not one series, frames have no place (a cine) or
    that volume would be a guess, ConfigurationError where bytes are missing.
    """
    if rows.empty or rows["series_id"].isna().any() or rows["series_id"].nunique() != 1:
        raise StudyRejected("several_series", "the rows are not those of one series.", "choose by series_id")
    if (rows["role"] == "mask").any():
        rows = rows[rows["role"] != "mask"]
    kinds = set(rows["content_type"])
    if kinds == {"application/dicom"}:
        return series_volume(parse_dicom(content) for _, content in map_contents(folder, rows))
    if kinds != {CONTENT_TYPE} or len(rows) != 1:
        raise StudyRejected("several_volumes", "the series is not one NIfTI file or DICOM alone.", "choose one row")
    image = read_nifti(read_content(folder, rows.iloc[0]))
    return Volume.from_ras(image.values(), image.affine)


def read_mask(folder: Path, row: Any, volume: Volume) -> np.ndarray:
    """The labels of one mask as int32 [i, j, k] on the grid of `volume`, the volume of the image that it delineates.

    `row` is a row of the catalog frame. Labels are a NIfTI file's values, or the numbers of regions or segments.
    Raises StudyRejected where it is no mask, lies on another grid (nothing is resampled here), or where regions
    overlap, for a voxel has one label: `read_regions` gives them apart.
    """
    _require_mask(row)
    if row.content_type == CONTENT_TYPE:
        return _nifti_labels(read_nifti(read_content(folder, row)), volume)
    labels = np.zeros(volume.voxels.shape, np.int32, order="F")
    for number, inside in read_regions(folder, row, volume).items():
        if labels[inside].any():
            raise StudyRejected("overlap", "regions of the mask overlap.", "read them apart with read_regions")
        labels[inside] = number
    return labels


def read_regions(folder: Path, row: Any, volume: Volume) -> dict[int, np.ndarray]:
    """The regions of an RTSTRUCT or the segments of a SEG by number, each as bool [i, j, k] on the grid of `volume`.

    Regions without contours are left out. Raises StudyRejected as `radloop.dicom.structures` and
    `radloop.dicom.segments` do.
    """
    mask = _object(folder, row)
    if text(mask, "SOPClassUID") != RTStructureSetStorage:
        return segment_masks(mask, volume)
    return {one.number: structure_mask(one, volume) for one in read_structures(mask) if one.contours}


def region_names(folder: Path, row: Any) -> dict[int, str]:
    """What the regions or segments of a DICOM mask are called, by number: the words that de-identification left."""
    mask = _object(folder, row)
    if text(mask, "SOPClassUID") != RTStructureSetStorage:
        return {one.number: one.label for one in read_segments(mask)}
    return {one.number: one.name for one in read_structures(mask)}


def _require_mask(row: Any) -> None:
    if row.role != "mask":
        raise StudyRejected("not_a_mask", "the row is no mask.", "choose a row whose role is mask")


def _object(folder: Path, row: Any) -> Dataset:
    _require_mask(row)
    if row.content_type == CONTENT_TYPE:
        raise StudyRejected("not_a_mask", "the mask is a NIfTI file, which has no regions.", "read it with read_mask")
    return parse_dicom(read_content(folder, row))


def _nifti_labels(image: Nifti, volume: Volume) -> np.ndarray:
    mask = Volume.from_ras(image.labels(), image.affine)
    shape = volume.voxels.shape
    corners = np.array([(i, j, k) for i in (0, shape[0]) for j in (0, shape[1]) for k in (0, shape[2])])
    apart = np.abs(mask.positions(corners) - volume.positions(corners)).max()
    if mask.voxels.shape != shape or apart > ON_GRID * volume.spacing.min():
        raise StudyRejected("grid", "the mask does not lie on the grid of its image.", "choose its image")
    return np.asarray(mask.voxels)
