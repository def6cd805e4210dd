"""A snapshot's bytes to volumes, and its masks on the grid of their image: never voxels without their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radloop.catalog import read_content, read_contents
from radloop.dicom.read import parse_dicom
from radloop.dicom.series import series_volume
from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected
from radloop.nifti import CONTENT_TYPE, read_nifti

ON_GRID = 0.01  # of a voxel: how far a mask's corners may lie from its image's


def read_volume(folder: Path, rows: pd.DataFrame) -> Volume:
    """The volume of one series: `rows` are its rows of the catalog frame, one NIfTI file or all its DICOM objects.

    Values are what the modality measured, as float32 [i, j, k], the affine in LPS millimetres. Raises StudyRejected
    where the rows are not one series or that volume would be a guess, ConfigurationError where bytes are missing.
    """
    if rows.empty or rows["series_id"].isna().any() or rows["series_id"].nunique() != 1:
        raise StudyRejected("several_series", "the rows are not those of one series.", "choose by series_id")
    if (rows["role"] == "mask").any():
        rows = rows[rows["role"] != "mask"]
    kinds = set(rows["content_type"])
    if kinds == {"application/dicom"}:
        return series_volume(parse_dicom(content) for _, content in read_contents(folder, rows))
    if kinds != {CONTENT_TYPE} or len(rows) != 1:
        raise StudyRejected("several_volumes", "the series is not one NIfTI file or DICOM alone.", "choose one row")
    image = read_nifti(read_content(folder, rows.iloc[0]))
    return Volume.from_ras(image.values(), image.affine)


def read_mask(folder: Path, row: Any, volume: Volume) -> np.ndarray:
    """The labels of one mask as int32 [i, j, k] on the grid of `volume`, the volume of the image that it delineates.

    `row` is a row of the catalog frame. Raises StudyRejected where it is no mask or lies on another grid: nothing is
    resampled here.
    """
    if row.role != "mask" or row.content_type != CONTENT_TYPE:
        raise StudyRejected("not_a_mask", "the row is no mask.", "choose a row whose role is mask")
    image = read_nifti(read_content(folder, row))
    mask = Volume.from_ras(image.labels(), image.affine)
    shape = volume.voxels.shape
    corners = np.array([(i, j, k) for i in (0, shape[0]) for j in (0, shape[1]) for k in (0, shape[2])])
    apart = np.abs(mask.positions(corners) - volume.positions(corners)).max()
    if mask.voxels.shape != shape or apart > ON_GRID * volume.spacing.min():
        raise StudyRejected("grid", "the mask does not lie on the grid of its image.", "choose its image")
    return np.asarray(mask.voxels)
