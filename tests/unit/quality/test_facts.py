from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pandas as pd

from radloop.quality.facts import age_disagreement, with_facts

Catalog = Callable[..., pd.DataFrame]


def test_ages_that_grow_as_the_calendar_does_agree(catalog: Catalog) -> None:
    rows = catalog(
        {"patient_id": "a", "age": 60.0, "acquired_on": date(2020, 5, 1)},
        {"patient_id": "a", "age": 63.0, "acquired_on": date(2023, 4, 1)},
    )
    assert age_disagreement(rows).max() < 0.5


def test_two_people_under_one_id_show_themselves_by_their_ages(catalog: Catalog) -> None:
    rows = catalog(
        {"patient_id": "a", "age": 60.0, "acquired_on": date(2020, 5, 1)},
        {"patient_id": "a", "age": 31.0, "acquired_on": date(2021, 5, 1)},
        {"patient_id": "b", "age": 31.0},
    )
    assert age_disagreement(rows).round(1).tolist() == [30.0, 30.0, 0.0]


def test_ages_told_as_90_contradict_nothing(catalog: Catalog) -> None:
    rows = catalog(
        {"patient_id": "a", "age": 86.0, "acquired_on": date(2015, 5, 1)},
        {"patient_id": "a", "age": 90.0, "acquired_on": date(2023, 5, 1)},
    )
    assert age_disagreement(rows).fillna(0.0).max() == 0.0


def test_with_an_order_and_no_dates_ages_may_grow_but_not_fall(catalog: Catalog) -> None:
    undated = {"acquired_on": None}
    rows = catalog(
        {**undated, "patient_id": "a", "age": 40.0, "study_order": 0},
        {**undated, "patient_id": "a", "age": 52.0, "study_order": 7},
        {**undated, "patient_id": "b", "age": 52.0, "study_order": 0},
        {**undated, "patient_id": "b", "age": 40.0, "study_order": 7},
    )
    assert age_disagreement(rows).tolist() == [0.0, 0.0, 12.0, 12.0]


def test_a_row_without_age_says_nothing(catalog: Catalog) -> None:
    rows = catalog({"patient_id": "a", "age": None}, {"patient_id": "b", "age": None, "acquired_on": None})
    assert age_disagreement(rows).isna().all()


def test_shared_ids_and_sexes_are_counted_over_the_whole_catalog(catalog: Catalog) -> None:
    rows = catalog(
        {"study_id": "s", "patient_id": "a", "sex": "F"},
        {"study_id": "s", "patient_id": "b", "sex": "M"},
        {"patient_id": "a", "sex": "M"},
        {"patient_id": "c", "sex": None},
    )
    facts = with_facts(rows)
    assert facts["patients_of_study"].tolist() == [2, 2, 1, 1]
    assert facts["sexes_of_patient"].tolist() == [2, 1, 2, 0]


def test_days_run_from_acquisition_to_admission(catalog: Catalog) -> None:
    rows = catalog({"acquired_on": date(2026, 1, 30)}, {"acquired_on": date(2026, 2, 5)}, {"acquired_on": None})
    days = with_facts(rows)["days_before_admission"]
    assert days.tolist()[:2] == [2.0, -4.0] and pd.isna(days[2])


def test_a_follow_up_before_an_earlier_one_is_told_in_days_for_the_whole_patient(
    catalog: Callable[..., pd.DataFrame],
) -> None:
    rows = catalog(
        {"patient_id": "a", "study_order": 1, "acquired_on": date(2026, 1, 9)},
        {"patient_id": "a", "study_order": 2, "acquired_on": date(2026, 1, 2)},
        {"patient_id": "b", "study_order": 1, "acquired_on": date(2026, 1, 2)},
        {"patient_id": "b", "study_order": 2, "acquired_on": date(2026, 1, 9)},
        {"patient_id": "c", "study_order": 1, "acquired_on": None},
    )
    days = with_facts(rows)["days_out_of_order"]
    assert days.iloc[:4].tolist() == [7, 7, 0, 0] and pd.isna(days.iloc[4])


def test_days_of_a_study_are_from_its_first_to_its_last_image(catalog: Callable[..., pd.DataFrame]) -> None:
    rows = catalog(
        {"study_id": "s", "acquired_on": date(2026, 1, 2)}, {"study_id": "s", "acquired_on": date(2026, 1, 9)},
        {"study_id": "t", "acquired_on": date(2026, 1, 2)}, {"study_id": "u", "acquired_on": None},
    )  # fmt: skip
    days = with_facts(rows)["days_of_study"]
    assert days.iloc[:3].tolist() == [7, 7, 0] and pd.isna(days.iloc[3])


def test_equal_films_are_counted_with_their_patients_and_equal_slices_are_not(
    catalog: Callable[..., pd.DataFrame],
) -> None:
    slices = {"pixel_sha256": "air", "modality": "CT", "content_type": "application/dicom"}
    film = {"pixel_sha256": "film"}
    facts = with_facts(catalog(film, {**film, "patient_id": "other"}, {}, slices, slices))
    assert facts["films_of_pixels"].iloc[:3].tolist() == [2, 2, 1]
    assert facts["patients_of_pixels"].iloc[:3].tolist() == [2, 2, 1]
    assert facts[["films_of_pixels", "patients_of_pixels"]].iloc[3:].isna().all(axis=None)
