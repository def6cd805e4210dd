from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from radloop.dicom.volume import Volume
from radloop.quality.expectations import judge
from radloop.quality.rules import Rule
from radloop.quality.volumes import mask_facts, mask_rules, volume_facts, volume_rules

AFFINE = np.diag([1.0, 1.0, 3.0, 1.0])


def scan(unit: str = "HU", slope: float = 1.0, affine: np.ndarray = AFFINE, slices: int = 8) -> Volume:
    """A ball of water in air, as CT tells it."""
    i, j, _ = np.mgrid[-16:16, -16:16, 0:slices]
    voxels = np.where(i**2 + j**2 < 144, 0.0, -1000.0) + np.random.default_rng(0).normal(0, 5, i.shape)
    return Volume((voxels * slope).astype(np.float32), affine, unit=unit)


def broken(rows: list[dict[str, Any]], rules: tuple[Rule, ...]) -> dict[str, list[int]]:
    judged = judge(pd.DataFrame(rows), "volumes", rules, datetime(2026, 1, 1, tzinfo=UTC))
    return {reason: places for reason, places in judged.breaches.items() if places}


def test_each_faulty_ct_breaks_its_own_rule_and_a_sound_one_none() -> None:
    mirrored, coarse, tilted = AFFINE.copy(), np.diag([1.0, 1.0, 40.0, 1.0]), AFFINE.copy()
    mirrored[0, 0], tilted[1, 2] = -1.0, 1.0
    hollow = scan().voxels.copy()
    hollow[0, 0, 0] = np.nan
    volumes = [
        scan(), scan(affine=mirrored), scan(affine=coarse), scan(affine=tilted), scan(slices=1),
        Volume(hollow, AFFINE, unit="HU"), scan(unit=""), scan(unit="US"), scan(slope=0.1),
    ]  # fmt: skip
    assert broken([volume_facts(volume, "CT") for volume in volumes], volume_rules("CT")) == {
        "left_handed": [1], "spacing_too_coarse": [2], "sheared": [3], "volume_too_thin": [4],
        "values_not_finite": [5], "unit_missing": [6], "unit_unknown": [7], "air_is_not_air": [8],
    }  # fmt: skip


def test_a_pet_is_positive_and_in_suv() -> None:
    uptake = Volume(np.abs(scan().voxels) / 500, AFFINE, unit="g/ml")
    wrong = [uptake, uptake.with_voxels(uptake.voxels - 1), uptake.with_voxels(uptake.voxels * 9000, unit="BQML")]
    assert broken([volume_facts(volume, "PT") for volume in wrong], volume_rules("PT")) == {
        "values_too_low": [1], "values_too_high": [2], "unit_unknown": [2],
    }  # fmt: skip


def test_a_mask_is_on_the_grid_not_empty_and_on_the_patient() -> None:
    volume = Volume(np.maximum(scan().voxels, -900), AFFINE, unit="HU")
    organ, air, edge = (np.zeros(volume.voxels.shape, bool) for _ in range(3))
    organ[12:20, 12:20, 2:6], air[1:3, 1:9, 2:6], edge[:, 12:20, 2:6] = True, True, True
    edge[1:-1] = False
    edge[16, 12:20, 2:6] = True
    masks = [organ, np.zeros_like(organ), air, organ[:, :, :4], edge]
    found = broken([mask_facts(mask, volume) for mask in masks], mask_rules())
    assert {name: found[name] for name in ("mask_empty", "mask_on_nothing", "mask_on_another_grid")} == {
        "mask_empty": [1], "mask_on_nothing": [2, 4], "mask_on_another_grid": [3],
    }  # fmt: skip
    assert found["mask_at_edge"] == [4]
    assert mask_facts(organ, volume)["millilitres"] == 8 * 8 * 4 * 3 / 1000


def test_a_rule_says_what_its_breach_does() -> None:
    severities = {rule.reason: rule.severity for rule in (*volume_rules("CT"), *mask_rules())}
    assert severities["sheared"] == severities["mask_at_edge"] == "warn"
    assert severities["mask_empty"] == severities["air_is_not_air"] == "quarantine"
