"""A real CT, PET and MR series with the tumour contoured on each keep the rules of their modality."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydicom.dataset import Dataset

from radloop.dicom.read import parse_dicom
from radloop.dicom.series import series_volume
from radloop.dicom.structures import read_structures, structure_mask
from radloop.dicom.suv import suv_volume
from radloop.dicom.volume import Volume
from radloop.quality.expectations import judge
from radloop.quality.rules import Rule
from radloop.quality.volumes import mask_facts, mask_rules, volume_facts, volume_rules

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:The string")]
FOLDERS = {"CT": "CT", "PT": "PET", "MR": "MR_T1"}


def series(shared_data: Path, modality: str) -> tuple[Volume, Dataset]:
    folder = shared_data / "dicom_sts_004" / FOLDERS[modality]
    images = [parse_dicom(path.read_bytes()) for path in sorted((folder / "image").iterdir())]
    volume = suv_volume(images) if modality == "PT" else series_volume(images)
    return volume, parse_dicom((folder / "mask" / "RS.dcm").read_bytes())


def broken(facts: dict[str, object], rules: tuple[Rule, ...]) -> set[str]:
    judged = judge(pd.DataFrame([facts]), "volumes", rules, datetime(2026, 1, 1, tzinfo=UTC))
    return {reason for reason, holds in judged.holds.items() if not holds}


@pytest.mark.parametrize("modality", FOLDERS)
def test_a_real_series_and_its_mask_keep_every_rule(shared_data: Path, modality: str) -> None:
    volume, structures = series(shared_data, modality)
    mask = structure_mask(read_structures(structures)[0], volume)
    assert broken(volume_facts(volume, modality), volume_rules(modality)) == set()
    assert broken(mask_facts(mask, volume), mask_rules()) == set()
    assert broken(mask_facts(np.zeros_like(mask), volume), mask_rules()) == {"mask_empty"}


def test_a_ct_read_without_its_intercept_is_told(shared_data: Path) -> None:
    volume, _ = series(shared_data, "CT")
    assert "air_is_not_air" in broken(volume_facts(volume.with_voxels(volume.voxels + 1024), "CT"), volume_rules("CT"))
