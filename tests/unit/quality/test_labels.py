from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd

from radloop.params import UseCase
from radloop.quality.expectations import judge
from radloop.quality.labels import label_facts, label_rules

Catalog = Callable[..., pd.DataFrame]
SICK, WELL = ["Pneumonia", "Effusion"], ["Effusion"]


def broken(case: UseCase, frame: pd.DataFrame, told: pd.DataFrame | None = None) -> dict[str, list[int]]:
    facts = label_facts(case, frame, frame if told is None else told)
    judged = judge(facts, "rows", tuple(label_rules()), datetime(2026, 1, 1, tzinfo=UTC))
    return {reason: places for reason, places in judged.breaches.items() if places}


def test_labels_that_agree_on_the_finding_break_no_rule(case: UseCase, catalog: Catalog) -> None:
    frame = catalog(
        {"study_id": "s", "findings": SICK}, {"study_id": "s", "findings": ["Pneumonia"]},
        {"study_id": "s", "findings": None}, {"pixel_sha256": "a", "findings": WELL},
        {"pixel_sha256": "a", "findings": []}, {"findings": SICK},
    )  # fmt: skip
    assert broken(case, frame) == {}


def test_a_study_that_one_source_calls_sick_and_another_well_is_set_aside(case: UseCase, catalog: Catalog) -> None:
    frame = catalog(
        {"study_id": "s", "findings": SICK, "source": "report"}, {"study_id": "s", "findings": WELL}, {"findings": SICK}
    )
    assert broken(case, frame) == {"labels_of_study_disagree": [0, 1]}


def test_one_film_under_two_labels_is_set_aside_and_equal_slices_of_air_are_not(
    case: UseCase, catalog: Catalog
) -> None:
    scan = {"pixel_sha256": "air", "modality": "CT", "content_type": "application/dicom"}
    frame = catalog(
        {"pixel_sha256": "film", "findings": SICK}, {"pixel_sha256": "film", "findings": []},
        {**scan, "findings": SICK}, {**scan, "findings": []},
    )  # fmt: skip
    assert broken(case, frame) == {"labels_of_equal_films_disagree": [0, 1]}


def test_a_label_that_people_corrected_later_warns(case: UseCase, catalog: Catalog) -> None:
    frame = catalog({"findings": SICK}, {"findings": WELL})
    told = pd.DataFrame({"record_id": ["r-0", "r-1", "r-1"], "findings": [SICK, None, WELL]})
    assert broken(case, frame, told) == {}, "a label that comes late corrects nothing"
    told = pd.DataFrame({"record_id": ["r-0", "r-1", "r-0"], "findings": [WELL, WELL, SICK]})
    assert broken(case, frame, told) == {"label_was_corrected": [0]}
