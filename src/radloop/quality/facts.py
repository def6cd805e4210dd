"""Columns that a rule about one row needs to know of other rows: who shares an id, a sex, a time line."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radloop.dicom.values import OLDEST_TOLD
from radloop.quality.modalities import FILMS, suite_of

#: Days in a mean year of the Gregorian calendar.
YEAR = 365.2425


def with_facts(catalog: pd.DataFrame) -> pd.DataFrame:
    """Add to each row what the catalog as a whole says of it, so that every rule is about one column.

    `patients_of_study`, `patients_of_instance`: patients under this UID. `sexes_of_patient`: different known
    sexes of this patient. `days_before_admission`: from acquisition to admission, more where dates are shifted.
    `age_disagreement`: years. `days_of_study`: from the first to the last acquisition of a study.
    `days_out_of_order`: by which a patient's follow-up precedes an earlier one. `films_of_pixels`,
    `patients_of_pixels`: films with these very pixels, and their patients.
    """
    films = catalog["pixel_sha256"].where(suite_of(catalog) == FILMS)  # slices may be equal, for air is
    patients = catalog.groupby("patient_id", dropna=False)
    return catalog.assign(
        patients_of_study=catalog.groupby("study_id")["patient_id"].transform("nunique"),
        patients_of_instance=catalog.groupby("instance_uid")["patient_id"].transform("nunique"),
        sexes_of_patient=patients["sex"].transform("nunique"),
        days_before_admission=_days(catalog["admitted_at"]) - _days(catalog["acquired_on"]),
        age_disagreement=age_disagreement(catalog),
        days_of_study=_days(catalog["acquired_on"]).groupby(catalog["study_id"]).transform(lambda days: np.ptp(days)),
        days_out_of_order=_days_out_of_order(catalog),
        films_of_pixels=films.groupby(films).transform("size").astype(float),
        patients_of_pixels=catalog.groupby(films)["patient_id"].transform("nunique").astype(float),
    )


def age_disagreement(catalog: pd.DataFrame) -> pd.Series:
    """Years by which a patient's ages contradict the order or the dates of the examinations, 0 where they agree.

    Two people under one id show themselves so. With dates, ages must grow as the calendar does; with an order
    alone (`study_order`), they must not fall. An age told as 90 may be any above 89 and contradicts nothing.
    All rows of a patient get the patient's largest contradiction, because nobody can tell which row is wrong;
    missing where fewer than two rows can be compared.
    """
    aged = catalog[catalog["age"] <= OLDEST_TOLD]
    dated = aged[aged["acquired_on"].notna()]
    ordered = aged[aged["acquired_on"].isna() & aged["study_order"].notna()]
    birth = dated["age"] - _days(dated["acquired_on"]) / YEAR
    spread = birth.groupby(dated["patient_id"]).agg(lambda years: years.max() - years.min())
    ages = ordered.sort_values("study_order")[["patient_id", "age"]]
    fall = (ages.groupby("patient_id")["age"].cummax() - ages["age"]).groupby(ages["patient_id"]).max()
    worst = pd.concat([spread, fall]).groupby(level=0).max()
    return catalog["patient_id"].map(worst).astype(float)


def _days_out_of_order(catalog: pd.DataFrame) -> pd.Series:
    """Days by which the dates of a patient's follow-ups fall while their numbers rise, for all rows of the patient."""
    both = catalog[catalog["acquired_on"].notna() & catalog["study_order"].notna()].sort_values("study_order")
    days = _days(both["acquired_on"])
    fall = days.groupby(both["patient_id"]).cummax() - days
    return catalog["patient_id"].map(fall.groupby(both["patient_id"]).max()).astype(float)


def _days(when: pd.Series) -> pd.Series:
    """Days since 1970, missing where there is no date."""
    stamps = pd.to_datetime(when, utc=True).dt.tz_localize(None).to_numpy(dtype="datetime64[D]")
    return pd.Series(np.where(np.isnat(stamps), np.nan, stamps.astype(np.int64)), index=when.index)
