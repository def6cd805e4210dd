"""A real CT, PET and MR series with the tumour contoured on each keep the rules of their modality."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydicom.dataset import Dataset

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import parse_dicom
from radloop.dicom.series import series_volume
from radloop.dicom.structures import read_structures, structure_mask
from radloop.dicom.suv import suv_volume
from radloop.dicom.volume import Volume
from radloop.files import read_json
from radloop.ingest import ingest
from radloop.params import Paths, UseCase
from radloop.quality.expectations import judge
from radloop.quality.rules import Rule
from radloop.quality.series import mask_frame, series_frame
from radloop.quality.volumes import mask_facts, mask_rules, volume_facts, volume_rules
from radloop.sections.suites import Masks
from radloop.sources import open_source
from radloop.stages import validate

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:The string")]
KEY = Pseudonyms(b"a key that only this test knows....")
FOLDERS = {"CT": "CT", "PT": "PET", "MR": "MR_T1"}


def series(shared_data: Path, modality: str) -> tuple[Volume, Dataset]:
    folder = shared_data / "dicom_sts_004" / FOLDERS[modality]
    images = [parse_dicom(path.read_bytes()) for path in sorted((folder / "image").iterdir())]
    volume = suv_volume(images) if modality == "PT" else series_volume(images)
    return volume, parse_dicom((folder / "mask" / "RS.dcm").read_bytes())


def broken(facts: dict[str, object], rules: tuple[Rule, ...]) -> set[str]:
    told = {"record_id": 0, "series_id": 0, "patient_id": 0, **facts}
    table = mask_frame([told]) if "same_grid" in facts else series_frame([told])
    judged = judge(table.assign(image_accepted=True), "volumes", rules, datetime(2026, 1, 1, tzinfo=UTC))
    return {reason for reason, holds in judged.holds.items() if not holds}


@pytest.mark.parametrize("modality", FOLDERS)
def test_a_real_series_and_its_mask_keep_every_rule(shared_data: Path, modality: str) -> None:
    volume, structures = series(shared_data, modality)
    mask = structure_mask(read_structures(structures)[0], volume)
    assert broken(volume_facts(volume, modality), volume_rules(modality)) == set()
    assert broken(mask_facts(mask, volume), mask_rules()) == set()
    assert broken(mask_facts(np.zeros_like(mask), volume), mask_rules()) == {"mask_empty", "region_empty"}


def test_a_ct_read_without_its_intercept_is_told(shared_data: Path) -> None:
    volume, _ = series(shared_data, "CT")
    assert "air_is_not_air" in broken(volume_facts(volume.with_voxels(volume.voxels + 1024), "CT"), volume_rules("CT"))


def test_a_real_snapshot_of_three_modalities_is_accepted_with_its_contours(
    shared_data: Path, tmp_path: Path, case: UseCase
) -> None:
    paths, scans = judged(case, tmp_path, "dicom_folder", shared_data / "dicom_sts_004", ("CT", "MR", "PT"))
    told = read_json(paths.stage(case.name, "validate") / "summary.json")
    assert told["quarantined_by_reason"] == told["masks_quarantined_by_reason"] == {}
    assert (told["accepted"], told["masks_accepted"]) == (230, 3)
    series = pd.read_parquet(paths.stage(case.name, "validate") / "series.parquet").set_index("modality")
    assert series["slices"].to_dict() == {"CT": 85, "MR": 60, "PT": 85}
    assert series["unit"].to_dict() == {"CT": "HU", "MR": None, "PT": "g/ml"}
    assert 2 < series.loc["PT", "highest"] < 60, "a sarcoma's uptake, in SUV"
    pages = {path.stem for path in (paths.stage(case.name, "validate") / "data_docs").glob("*.html")}
    assert {"ct", "mr", "pt", "masks"} <= pages
    assert scans.task.finding == "Pneumonia"


def test_the_hippocampi_and_their_labels_keep_every_rule(shared_data: Path, tmp_path: Path, case: UseCase) -> None:
    paths, _ = judged(case, tmp_path, "msd", shared_data / "msd_hippocampus", ("MR",), Masks(labels=("1", "2")))
    told = read_json(paths.stage(case.name, "validate") / "summary.json")
    assert told["quarantined_by_reason"] == told["masks_quarantined_by_reason"] == {}
    assert (told["accepted"], told["masks_accepted"]) == (210, 210)


def judged(
    case: UseCase, folder: Path, source: str, data: Path, modality: tuple[str, ...], masks: Masks = Masks()
) -> tuple[Paths, UseCase]:
    """A workspace whose snapshot of real data was validated for a case that takes these modalities."""
    accepts = case.task.accepts.model_copy(update={"body_part": ("EXTREMITY", "LEG", "THIGH"), "bits_stored": (8, 64)})
    scans = case.model_copy(update={
        "validate_": case.validate_.model_copy(update={"modality": modality, "masks": masks}),
        "task": case.task.model_copy(update={"accepts": accepts}),
    })  # fmt: skip
    paths = Paths(data=folder / "data", out=folder / "out")
    ingest(open_source(source, data, KEY), paths.snapshot(case.name))
    validate.run(scans, paths)
    return paths, scans
