from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
import pytest

from radloop.params import UseCase
from radloop.quality.survey import COLUMNS
from radloop.quality.verdicts import Verdicts, judge_snapshot
from radloop.records import Rejection, table_of

Catalog = Callable[..., pd.DataFrame]
GOOD = {
    "decoded_rows": 256, "decoded_columns": 256, "contrast": 50.0, "structure": 0.97, "saturated": 0.03,
    "inverted": 0.2, "altered": False,
}  # fmt: skip


def films(catalog: pd.DataFrame, changes: dict[int, dict[str, Any]]) -> pd.DataFrame:
    rows = [
        {**dict.fromkeys(COLUMNS), **GOOD, "record_id": name, **changes.get(place, {})}
        for place, name in enumerate(catalog["record_id"])
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def judged(
    case: UseCase, catalog: pd.DataFrame, changes: dict[int, dict[str, Any]] | None = None, refused: int = 0
) -> Verdicts:
    rejections = [Rejection("test", "0" * 64, "1" * 64, "png_damaged", "") for _ in range(refused)]
    return judge_snapshot(
        case, catalog, films(catalog, changes or {}), table_of(Rejection, rejections).to_pandas()
    )  # fmt: skip


ROWS: dict[str, dict[str, Any]] = {
    "age_out_of_range": {"age": 412.0},
    "sex_unknown_code": {"sex": "W"},
    "modality_not_accepted": {"modality": "CT"},
    "view_not_accepted": {"view": "LATERAL"},
    "body_part_not_accepted": {"body_part": "SKULL"},
    "photometric_interpretation_not_accepted": {"photometric_interpretation": "RGB"},
    "bits_stored_not_accepted": {"bits_stored": 1},
    "multi_frame": {"frames": 2},
    "kvp_out_of_range": {"kvp": 120_000.0},
    "pixel_spacing_out_of_range": {"pixel_spacing": 0.0},
    "exposure_negative": {"exposure": -1.0},
    "acquired_after_admission": {"acquired_on": date(2026, 2, 9)},
    "missing_patient_id": {"patient_id": None},
    "laterality_unknown_code": {"laterality": "other"},
}
FILMS: dict[str, dict[str, Any]] = {
    "content_altered": {"altered": True},
    "pixels_unreadable": {**dict.fromkeys(GOOD), "altered": False, "unreadable": "png_damaged"},
    "size_disagrees": {"decoded_rows": 255},
    "constant": {"contrast": 0.0, "structure": None, "saturated": None, "inverted": None},
    "noise_only": {"structure": 0.02},
    "saturated": {"saturated": 0.9},
    "inverted": {"inverted": 0.8},
}


SHARED = {
    "study": {"study_id": "shared", "findings": []},
    "instance": {"instance_uid": "2.25.777"},
    "record": {"record_id": "r"},
}
PATIENTS: dict[str, list[dict[str, Any]]] = {
    "sexes_of_patient_disagree": [{"sex": "F"}, {"sex": "M"}, {"sex": None}],
    "ages_contradict_dates": [{"age": 20.0}, {"age": 60.0}],
    "follow_ups_out_of_order": [{"study_order": 1}, {"study_order": 2, "acquired_on": date(2025, 12, 1)}],
    "labels_of_study_disagree": [{"study_id": "two", "findings": []}, {"study_id": "two", "findings": ["Pneumonia"]}],
}


@pytest.fixture(scope="module")
def reasons(case: UseCase, catalog: Catalog) -> dict[str, list[list[str]]]:
    """Every fault in rows of its own among good rows, judged at once: the reasons by fault."""
    nothing = dict.fromkeys(["sex", "age", "view", "modality", "body_part", "kvp", "acquired_on", "findings", "site"])
    rows: list[tuple[str, dict[str, Any], dict[str, Any]]] = [("good", {}, {})] * 5 + [("unknown", nothing, {})]
    rows += [(name, change, {}) for name, change in ROWS.items()] + [
        (name, {}, change) for name, change in FILMS.items()
    ]
    rows += [(name, change, {}) for name, change in SHARED.items() for _ in range(2)]
    rows += [(name, {**change, "patient_id": name}, {}) for name, changes in PATIENTS.items() for change in changes]
    rows += [("too_small", {"rows": 64}, {"decoded_rows": 64})]
    verdicts = judged(
        case, catalog(*(change for _, change, _ in rows)), {n: change for n, (_, _, change) in enumerate(rows)}
    )
    found: dict[str, list[list[str]]] = {}
    for (name, _, _), why in zip(rows, verdicts.reasons, strict=True):
        found.setdefault(name, []).append(why)
    return found


def test_good_rows_are_accepted_among_bad_ones(reasons: dict[str, list[list[str]]]) -> None:
    assert reasons["good"] == [[]] * 5


def test_what_is_missing_is_no_fault(reasons: dict[str, list[list[str]]]) -> None:
    assert reasons["unknown"] == [[]]


@pytest.mark.parametrize("fault", [*ROWS, *FILMS, "too_small"])
def test_a_fault_quarantines_its_row_with_one_reason(reasons: dict[str, list[list[str]]], fault: str) -> None:
    assert reasons[fault] == [[fault]]


def test_two_patients_who_share_a_uid_are_both_quarantined(reasons: dict[str, list[list[str]]]) -> None:
    assert reasons["study"] == [["study_id_of_two_patients"]] * 2
    assert reasons["instance"] == [["instance_uid_repeated", "instance_uid_of_two_patients"]] * 2
    assert reasons["record"] == [["record_id_repeated"]] * 2


@pytest.mark.parametrize("fault", PATIENTS)
def test_a_patient_who_must_be_two_people_is_quarantined_whole(reasons: dict[str, list[list[str]]], fault: str) -> None:
    assert reasons[fault] == [[fault]] * len(PATIENTS[fault])


def gate(verdicts: Verdicts) -> dict[str, bool]:
    return {check.name: check.holds for check in verdicts.checks}


def test_a_good_snapshot_opens_the_gate(case: UseCase, catalog: Catalog) -> None:
    verdicts = judged(case, catalog(*({} for _ in range(120))))
    assert gate(verdicts) == dict.fromkeys(
        ["schema", "stopping_rows", "smallest_rows", "largest_quarantine", "prevalence"], True
    )
    expected = {"rows": 120, "patients": 120, "accepted": 120, "quarantined": 0, "labelled": 120, "prevalence": 0.5}
    assert expected.items() <= verdicts.summary.items()


def test_few_rows_many_faults_and_too_many_positives_close_the_gate(case: UseCase, catalog: Catalog) -> None:
    rows = [{"findings": ["Pneumonia"], "age": 412.0 if n < 15 else 50.0} for n in range(110)]
    verdicts = judged(case, catalog(*rows))
    assert gate(verdicts) == {
        "schema": True, "stopping_rows": True, "smallest_rows": False, "largest_quarantine": False, "prevalence": False,
    }  # fmt: skip
    assert verdicts.summary["quarantined_by_reason"] == {"age_out_of_range": 15}


def test_arrivals_refused_at_admission_count_and_no_label_is_no_prevalence(case: UseCase, catalog: Catalog) -> None:
    verdicts = judged(case, catalog(*({"findings": None} for _ in range(120))), refused=15)
    assert gate(verdicts) == {
        "schema": True, "stopping_rows": True, "smallest_rows": True, "largest_quarantine": False, "prevalence": False,
    }  # fmt: skip
    assert verdicts.summary["refused_at_admission_by_reason"] == {"png_damaged": 15}
    assert verdicts.summary["prevalence"] is None


@pytest.mark.parametrize("harm", ["a column is missing", "a type is wrong"])
def test_a_broken_schema_closes_the_gate_and_quarantines_all(case: UseCase, catalog: Catalog, harm: str) -> None:
    good = catalog({}, {})
    verdicts = judged(case, good.drop(columns="sex") if harm == "a column is missing" else good.assign(age="fifty"))
    assert not gate(verdicts)["schema"]
    assert verdicts.reasons == [["schema"]] * 2


WARNED: dict[str, dict[str, Any]] = {
    "patient_moved": {"image_motion": 0.5},
    "film_tilted": {"image_tilt": -15.0},
    "film_turned": {"image_turned": 0.9},
    "partly_saturated": {"image_saturated": 0.3},
    "wide_border": {"image_collimated": 0.4},
}


def test_a_rule_that_warns_is_counted_and_sets_nothing_aside(case: UseCase, catalog: Catalog) -> None:
    verdicts = judged(case, catalog(*({} for _ in range(120))), dict(enumerate(WARNED.values())))
    assert verdicts.reasons == [[]] * 120 and all(gate(verdicts).values())
    assert verdicts.summary["warned_by_reason"] == dict.fromkeys(WARNED, 1)
    assert verdicts.summary["quarantined_by_reason"] == {}


def test_a_rule_that_quarantines_sets_its_row_aside_and_leaves_the_gate_open(case: UseCase, catalog: Catalog) -> None:
    verdicts = judged(case, catalog(*({"age": 412.0} if n == 7 else {} for n in range(120))))
    assert verdicts.reasons[7] == ["age_out_of_range"] and all(gate(verdicts).values())


def test_a_rule_that_stops_closes_the_gate_for_a_single_row_and_sets_it_aside(case: UseCase, catalog: Catalog) -> None:
    verdicts = judged(case, catalog(*({} for _ in range(120))), {7: {"altered": True}})
    assert verdicts.reasons[7] == ["content_altered"]
    assert [name for name, holds in gate(verdicts).items() if not holds] == ["stopping_rows"]
    assert next(check.seen for check in verdicts.checks if not check.holds) == ["content_altered"]


def test_ultrasound_is_black_and_grainy_and_still_no_film_that_failed(case: UseCase, catalog: Catalog) -> None:
    bounds = case.validate_.model_copy(update={"modality": ("US",)})
    echoes = case.model_copy(update={"validate_": bounds})
    grainy = {"structure": 0.05, "saturated": 0.9, "inverted": 0.9}
    frame = catalog(*({"modality": "US", "content_type": "application/dicom"} for _ in range(3)))
    verdicts = judged(echoes, frame, {0: grainy, 1: grainy, 2: {**grainy, "contrast": 0.0}})
    assert verdicts.reasons == [[], [], ["constant"]]
    assert "ultrasound" in verdicts.judgements and "films" not in verdicts.judgements


def test_a_film_that_comes_twice_warns_and_is_left_for_split_to_deal(case: UseCase, catalog: Catalog) -> None:
    film = {"pixel_sha256": "f" * 64, "findings": []}
    verdicts = judged(case, catalog(film, {**film, "patient_id": "other"}, {}))
    assert verdicts.reasons == [[], [], []]
    assert verdicts.summary["warned_by_reason"] == {"film_repeated": 2, "film_of_two_patients": 2}


def test_a_use_case_without_warnings_has_none(case: UseCase, catalog: Catalog) -> None:
    silent = case.model_copy(update={"validate_": case.validate_.model_copy(update={"warn": None})})
    verdicts = judged(silent, catalog(*({} for _ in range(120))), dict(enumerate(WARNED.values())))
    assert verdicts.summary["warned_by_reason"] == {}
