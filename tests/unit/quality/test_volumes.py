from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from radloop.dicom.volume import Volume
from radloop.quality.expectations import judge
from radloop.quality.rules import Rule
from radloop.quality.series import mask_frame, series_frame
from radloop.quality.volumes import mask_facts, mask_rules, volume_facts, volume_rules
from radloop.sections.suites import Masks, Volumes

AFFINE = np.diag([1.0, 1.0, 3.0, 1.0])


def scan(unit: str = "HU", slope: float = 1.0, affine: np.ndarray = AFFINE, slices: int = 8) -> Volume:
    """A ball of water in air, as CT tells it."""
    i, j, _ = np.mgrid[-16:16, -16:16, 0:slices]
    voxels = np.where(i**2 + j**2 < 144, 0.0, -1000.0) + np.random.default_rng(0).normal(0, 5, i.shape)
    return Volume((voxels * slope).astype(np.float32), affine, unit=unit)


def broken(rows: list[dict[str, Any]], rules: tuple[Rule, ...]) -> dict[str, list[int]]:
    whole = mask_frame if "same_grid" in rows[0] else series_frame
    named = [{"record_id": n, "series_id": n, "patient_id": n, **row} for n, row in enumerate(rows)]
    table = whole(named).assign(
        **{name: [row.get(name) for row in rows] for name in ("image_accepted", "labels_missing")}
    )
    judged = judge(table, "volumes", rules, datetime(2026, 1, 1, tzinfo=UTC))
    return {reason: places for reason, places in judged.breaches.items() if places}


#: Facts that keep every rule, whatever the modality, and what breaks each rule alone.
SOUND: dict[str, Any] = {
    "slices": 40, "finest_spacing": 0.8, "coarsest_spacing": 3.0, "not_finite": 0, "spread": 100.0, "copies": 0,
    "gap": 0.0, "right_handed": True, "shear": 0.0, "orientation": "axial", "unit_told": True, "lowest": 0.0,
    "highest": 50.0,
}  # fmt: skip
CT = {**SOUND, "unit": "HU", "air": -900.0, "lowest": -1000.0, "highest": 1500.0}
PET = {**SOUND, "unit": "g/ml"}
FAULTS: dict[str, dict[str, Any]] = {
    "slice_missing": {"refusal": "missing_slice"},
    "slices_doubled": {"refusal": "duplicate_slices"},
    "slice_spacing_mixed": {"refusal": "mixed_slice_spacing"},
    "orientation_mixed": {"refusal": "mixed_orientation"},
    "several_volumes_in_series": {"refusal": "several_volumes"},
    "localiser_in_series": {"refusal": "localiser"},
    "gantry_tilted": {"refusal": "gantry_tilt"},
    "geometry_missing": {"refusal": "no_ImagePositionPatient"},
    "unit_contradicts": {"refusal": "mixed_units"},
    "series_unreadable": {"refusal": "undecodable_pixels"},
    "volume_too_thin": {"slices": 1},
    "spacing_too_fine": {"finest_spacing": 0.0008},
    "spacing_too_coarse": {"coarsest_spacing": 300.0},
    "values_not_finite": {"not_finite": 3},
    "volume_constant": {"spread": 0.0},
    "slices_repeated": {"copies": 2},
    "gaps_between_slices": {"gap": 1.0},
    "left_handed": {"right_handed": False},
    "sheared": {"shear": 15.0},
    "orientation_not_accepted": {"orientation": "oblique"},
}
OF_MODALITY: dict[tuple[str, str], dict[str, Any]] = {
    ("CT", "values_too_low"): {"lowest": -32768.0},
    ("CT", "values_too_high"): {"highest": 1e6},
    ("CT", "unit_unknown"): {"unit": "US"},
    ("CT", "unit_untold"): {"unit_told": False},
    ("CT", "air_is_not_air"): {"air": 0.0},
    ("PT", "values_too_low"): {"lowest": -1.0},
    ("PT", "values_too_high"): {"highest": 30_000.0},
    ("PT", "unit_unknown"): {"unit": "BQML"},
    ("PT", "unit_untold"): {"unit_told": False},
    ("PT", "suv_not_computable"): {"suv_refusal": "pet_dose"},
    ("MR", "values_too_low"): {"lowest": -1e9},
    ("MR", "values_too_high"): {"highest": 1e9},
}
AXIAL = Volumes(orientation=("axial",))


@pytest.mark.parametrize(("modality", "sound"), [("CT", CT), ("PT", PET), ("MR", SOUND), ("", SOUND)])
def test_a_sound_series_keeps_every_rule_and_each_fault_breaks_its_own(modality: str, sound: dict[str, Any]) -> None:
    faults = FAULTS | {name: change for (of, name), change in OF_MODALITY.items() if of == modality}
    rules = volume_rules(modality, AXIAL)
    rows = [{**sound, **change} for change in ({}, *faults.values())]
    assert broken(rows, rules) == {name: [place] for place, name in enumerate(faults, start=1)}
    assert {rule.reason for rule in rules} - set(faults) == {"volume_of_two_patients", "volume_repeated"}


def test_a_series_that_comes_twice_warns_and_one_of_two_patients_is_set_aside() -> None:
    rows = [{**CT, "voxels_sha256": "a", "patient_id": patient} for patient in ("one", "one", "two")]
    assert broken(rows[:2], volume_rules("CT")) == {"volume_repeated": [0, 1]}
    assert broken(rows[1:], volume_rules("CT")) == {"volume_of_two_patients": [0, 1], "volume_repeated": [0, 1]}
    assert broken([{**row, "voxels_sha256": None} for row in rows], volume_rules("CT")) == {}


ON_IMAGE: dict[str, Any] = {
    "laid": True, "altered": False, "image_found": True, "same_patient": True, "image_accepted": True,
    "labels_missing": 0, "same_grid": True, "voxels": 90, "at_edge": 0.0, "on_nothing": 0.0, "label": "tumour",
}  # fmt: skip
MASK_FAULTS: dict[str, dict[str, Any]] = {
    "mask_altered": {"altered": True},
    "mask_of_no_image": {"image_found": False},
    "mask_of_another_patient": {"same_patient": False},
    "mask_of_quarantined_image": {"image_accepted": False},
    "mask_in_another_frame": {"refusal": "frame_of_reference", "voxels": None},
    "mask_outside": {"refusal": "contour_outside", "voxels": None},
    "mask_skips_slices": {"refusal": "contours_skip_slices", "voxels": None},
    "mask_labels_undeclared": {"refusal": "segment_numbers", "voxels": None},
    "mask_unreadable": {"refusal": "truncated", "voxels": None},
    "mask_on_another_grid": {"same_grid": False},
    "mask_on_nothing": {"on_nothing": 0.9},
    "mask_at_edge": {"at_edge": 0.9},
    "label_not_declared": {"label": "2"},
    "label_missing": {"labels_missing": 1},
    "mask_not_laid_on_image": {"laid": False, "voxels": None},
}


def test_a_sound_mask_keeps_every_rule_and_each_fault_breaks_its_own() -> None:
    rules = mask_rules(Masks(labels=("tumour",)))
    rows = [{**ON_IMAGE, **change} for change in ({}, *MASK_FAULTS.values())]
    assert broken(rows, rules) == {name: [place] for place, name in enumerate(MASK_FAULTS, start=1)}
    assert {rule.reason for rule in rules} - set(MASK_FAULTS) == {"mask_empty", "region_empty"}


def test_an_empty_region_warns_and_a_mask_of_nothing_but_those_is_set_aside() -> None:
    rows = [
        {**ON_IMAGE, "record_id": mask, "voxels": voxels} for mask, voxels in (("a", 5), ("a", 0), ("b", 0), ("b", 0))
    ]
    assert broken(rows, mask_rules()) == {"mask_empty": [2, 3], "region_empty": [1, 2, 3]}


def told(volumes: list[Volume], modality: str) -> list[dict[str, Any]]:
    """Their facts, as if no two had the same voxels."""
    return [{**volume_facts(volume, modality), "voxels_sha256": str(n)} for n, volume in enumerate(volumes)]


def test_equal_voxels_have_one_name_and_others_another() -> None:
    names = {volume_facts(volume, "CT")["voxels_sha256"] for volume in (scan(), scan(), scan(slices=7))}
    assert len(names) == 2


def test_each_faulty_ct_breaks_its_own_rule_and_a_sound_one_none() -> None:
    mirrored, coarse, tilted = AFFINE.copy(), np.diag([1.0, 1.0, 40.0, 1.0]), AFFINE.copy()
    mirrored[0, 0], tilted[1, 2] = -1.0, 1.0
    hollow = scan().voxels.copy()
    hollow[0, 0, 0] = np.nan
    volumes = [
        scan(), scan(affine=mirrored), scan(affine=coarse), scan(affine=tilted), scan(slices=1),
        Volume(hollow, AFFINE, unit="HU"), scan(unit=""), scan(unit="US"), scan(slope=0.1),
    ]  # fmt: skip
    assert broken(told(volumes, "CT"), volume_rules("CT")) == {
        "left_handed": [1], "spacing_too_coarse": [2], "sheared": [3], "volume_too_thin": [4],
        "values_not_finite": [5], "unit_untold": [6], "unit_unknown": [7], "air_is_not_air": [8],
    }  # fmt: skip


def test_a_pet_is_positive_and_in_suv() -> None:
    uptake = Volume(np.abs(scan().voxels) / 500, AFFINE, unit="g/ml")
    wrong = [uptake, uptake.with_voxels(uptake.voxels - 1), uptake.with_voxels(uptake.voxels * 9000, unit="BQML")]
    assert broken(told(wrong, "PT"), volume_rules("PT")) == {
        "values_too_low": [1], "values_too_high": [2], "unit_unknown": [2],
    }  # fmt: skip


def test_a_mask_is_on_the_grid_not_empty_and_on_the_patient() -> None:
    volume = Volume(np.maximum(scan().voxels, -900), AFFINE, unit="HU")
    organ, air, edge = (np.zeros(volume.voxels.shape, bool) for _ in range(3))
    organ[12:20, 12:20, 2:6], air[1:3, 1:9, 2:6], edge[:, 12:20, 2:6] = True, True, True
    edge[1:-1] = False
    edge[16, 12:20, 2:6] = True
    masks = [organ, np.zeros_like(organ), air, organ[:, :, :4], edge]
    found = broken([{**mask_facts(mask, volume), "image_found": True} for mask in masks], mask_rules())
    assert {name: found[name] for name in ("mask_empty", "mask_on_nothing", "mask_on_another_grid")} == {
        "mask_empty": [1], "mask_on_nothing": [2, 4], "mask_on_another_grid": [3],
    }  # fmt: skip
    assert found["mask_at_edge"] == [4]
    assert mask_facts(organ, volume)["millilitres"] == 8 * 8 * 4 * 3 / 1000


def test_a_rule_says_what_its_breach_does() -> None:
    severities = {rule.reason: rule.severity for rule in (*volume_rules("CT"), *mask_rules())}
    assert severities["sheared"] == severities["mask_at_edge"] == "warn"
    assert severities["mask_empty"] == severities["air_is_not_air"] == "quarantine"
