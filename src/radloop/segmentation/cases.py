"""Which images and which mask make one case, and their voxels on one grid: from rows of a catalog, by patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected
from radloop.nifti import CONTENT_TYPE
from radloop.segmentation.fingerprint import check_case
from radloop.segmentation.grids import Grid, sample
from radloop.volumes import read_mask, read_regions, read_volume, region_names


@dataclass(frozen=True)
class Wanted:
    """What a case must be to teach: numbered `labels`, and voxels at most so many times as long as wide."""

    labels: Mapping[int, str]
    largest_anisotropy: float


@dataclass(frozen=True, eq=False)
class Case:
    """One case: the rows of each of its series, the first being the one that the mask delineates, and the mask's row.

    `mask` is None of a case that is asked about and teaches nothing.
    """

    name: str  # the record that stands for it: of a series of slices, the first
    patient: str
    series: tuple[pd.DataFrame, ...]
    mask: pd.Series | None = None


def cases_of(images: pd.DataFrame, masks: pd.DataFrame, modalities: Sequence[str]) -> tuple[list[Case], dict[str, int]]:
    """The cases of a catalog's rows, by name, and how many masks made none, by the reason.

    `modalities`: DICOM's codes of a case's images; the first is the one that its mask is of, the others are of the
    same study. An image that tells no modality is let through as the first. A study with none or several series of
    another modality makes no case, for one would be a guess.
    """
    series = {str(name): rows for name, rows in images[images["series_id"].notna()].groupby("series_id")}
    studies = dict(iter(images.groupby("study_id")))
    found, left_out = [], Counter[str]()
    twice = masks["series_id"].duplicated(keep=False)
    for (_, mask), repeated in zip(masks.iterrows(), twice, strict=True):
        first = series.get(str(mask.series_id))
        if first is None:
            left_out["image_not_accepted"] += 1
        elif first["modality"].iloc[0] not in (modalities[0], None):
            left_out["other_modality"] += 1
        elif repeated:
            left_out["several_masks"] += 1
        else:
            study = studies[first["study_id"].iloc[0]]
            others = [_only(study[study["modality"] == modality]) for modality in modalities[1:]]
            complete = [rows for rows in others if rows is not None]
            if len(complete) < len(others):
                left_out["no_single_series"] += 1
            else:
                found.append(Case(min(first["record_id"]), str(mask.patient_id), (first, *complete), mask))
    return sorted(found, key=lambda case: case.name), dict(sorted(left_out.items()))


def _only(rows: pd.DataFrame) -> pd.DataFrame | None:
    return rows if rows["series_id"].nunique(dropna=False) == 1 else None


def read_teaching(snapshot: Path, case: Case, wanted: Wanted) -> tuple[tuple[Volume, ...], np.ndarray]:
    """The images and the mask of a case that may teach. Raises StudyRejected as `check_case` does where it may not."""
    images = read_images(snapshot, case)
    mask = read_labels(snapshot, case, images[0], wanted.labels)
    check_case(images, mask, list(wanted.labels), wanted.largest_anisotropy)
    return images, mask


def read_images(snapshot: Path, case: Case) -> tuple[Volume, ...]:
    """The volumes of a case, all on the grid of the first. Raises as `radloop.volumes.read_volume` does."""
    first, *others = (read_volume(snapshot, rows) for rows in case.series)
    grid = Grid.of(first)
    return (first, *(first.with_voxels(sample(other, grid), other.unit) for other in others))


def read_labels(snapshot: Path, case: Case, image: Volume, labels: Mapping[int, str]) -> np.ndarray:
    """The mask of a case on the grid of its first `image`, int32 [i, j, k] with the numbers of `labels`.

    A NIfTI file's numbers are those of `labels`; regions of an RTSTRUCT or SEG are known by their names, and one
    region alone is the one label alone. Raises StudyRejected("undeclared_label") for any other.
    """
    if case.mask is None:
        raise StudyRejected("no_mask", "the case has no mask.", "choose a case that has one")
    if case.mask.content_type == CONTENT_TYPE:
        return read_mask(snapshot, case.mask, image)
    names = region_names(snapshot, case.mask)
    regions = read_regions(snapshot, case.mask, image)
    number_of = {name.casefold(): number for number, name in labels.items()}
    found = np.zeros(image.voxels.shape, np.int32)
    for region, inside in regions.items():
        number = number_of.get(names.get(region, "").casefold())
        if number is None and len(regions) == len(labels) == 1:
            number = next(iter(labels))
        if number is None:
            raise StudyRejected("undeclared_label", "a region of the mask is none of the labels.", "declare its name")
        if found[inside].any():
            raise StudyRejected("overlap", "regions of the mask overlap.", "send them apart, or as one")
        found[inside] = number
    return found
