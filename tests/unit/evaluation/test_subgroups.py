"""Subgroups, their gaps and their honesty about small numbers."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from radloop.evaluation.gaps import GAP_COLUMNS, gaps, holm, largest_gaps
from radloop.evaluation.subgroups import SUBGROUP_COLUMNS, age_bands, subgroups
from radloop.intervals import auroc_interval
from radloop.params import UseCase


def row_of(table: pd.DataFrame, attribute: str, group: str) -> pd.Series:
    return table[(table.attribute == attribute) & (table.group == group)].iloc[0]


def test_every_group_of_every_attribute_has_a_row(cases, case: UseCase) -> None:
    table = subgroups(cases(), case)
    assert list(table.columns) == list(SUBGROUP_COLUMNS)
    assert list(dict.fromkeys(table.attribute)) == ["sex", "age_band", "view", "site", "manufacturer"]
    assert list(table[table.attribute == "age_band"].group) == ["0-17", "18-39", "40-64", "65+"]
    assert table.groupby("attribute")["n"].sum().eq(400).all()


def test_a_groups_auroc_is_that_of_its_cases(cases, case: UseCase) -> None:
    frame = cases()
    inside = frame[frame.site == "south"]
    expected = auroc_interval(inside.label, inside.score, inside.patient_id)
    row = row_of(subgroups(frame, case), "site", "south")
    assert (row.auroc, row.auroc_low, row.auroc_high) == pytest.approx((expected.value, expected.low, expected.high))


def test_what_nobody_told_is_a_group_of_its_own_and_comes_last(cases, case: UseCase) -> None:
    frame = cases()
    frame.loc[:59, ["sex", "age"]] = None
    table = subgroups(frame, case)
    assert row_of(table, "sex", "unknown").n == 60
    assert row_of(table, "age_band", "unknown").n == 60
    assert table[table.attribute == "sex"].group.iloc[-1] == "unknown"


def test_a_small_group_shows_its_counts_and_too_few(cases, case: UseCase) -> None:
    frame = cases()
    frame.loc[:14, "sex"] = "O"
    row = row_of(subgroups(frame, case), "sex", "O")
    assert row.n == 15 and row.positives == frame.label[:15].sum()
    assert row.auroc_note.startswith("too few") and pd.isna(row.auroc) and pd.isna(row.auroc_low)


def test_lower_age_bounds_belong_to_the_band_and_impossible_ages_are_unknown() -> None:
    ages = pd.Series([0, 17.9, 18, 39.99, 40, 65, 120, 121, -1, None])
    expected = ["0-17", "0-17", "18-39", "18-39", "40-64", "65+", "65+", "unknown", "unknown", "unknown"]
    assert list(age_bands(ages, (0, 18, 40, 65, 120))) == expected


def test_acquisition_groups_stand_in_only_where_no_manufacturer_is_told(cases, case: UseCase) -> None:
    frame = cases()
    frame.loc[:99, "manufacturer"] = None
    frame.loc[:2, "acquisition_group"] = ["a", "b", "c"]
    table = subgroups(frame, case)
    proxies = table[table.attribute == "acquisition_group"]
    assert proxies["n"].sum() == 100
    assert row_of(table, "acquisition_group", "other").n == 3
    assert set(proxies.group) == {"2500x2048", "3000x3000", "other"}


def test_unlabelled_rows_are_counted_but_not_judged(cases, case: UseCase) -> None:
    frame = cases()
    whole = row_of(subgroups(frame.iloc[:200], case), "view", "PA")
    frame["label"] = frame["label"].astype(object)
    frame.loc[200:, "label"] = None
    row = row_of(subgroups(frame, case), "view", "PA")
    assert row["rows"] > row.n == whole.n
    assert row.auroc == pytest.approx(whole.auroc)


def test_a_window_without_labels_or_rows_has_no_figures_and_no_error(cases, case: UseCase) -> None:
    frame = cases().assign(label=None)
    assert subgroups(frame, case)["n"].eq(0).all() and gaps(frame, case).empty
    assert subgroups(frame.iloc[:0], case).empty and largest_gaps(gaps(frame.iloc[:0], case)) == {}


def test_a_planted_gap_is_found_named_and_significant(cases, case: UseCase) -> None:
    frame = cases(1500)
    missed = (frame.site == "west") & frame.label & (np.arange(1500) % 2 == 0)
    frame.loc[missed, "decision"] = False
    table = gaps(frame, case)
    assert list(table.columns) == list(GAP_COLUMNS)
    widest = largest_gaps(table)["sensitivity"]
    assert (widest.attribute, widest.group) == ("site", "west")
    assert widest.high < 0 and widest.p_adjusted < 0.001


def test_without_a_gap_few_of_many_data_sets_raise_an_alarm(cases, case: UseCase) -> None:
    alarms = [(gaps(cases(400, seed=seed), case)["p_adjusted"] < 0.05).any() for seed in range(40)]
    assert np.mean(alarms) < 0.15


def test_holm_multiplies_stepwise_and_skips_what_was_not_looked_at() -> None:
    assert holm(np.array([0.01, np.nan, 0.04, 0.03])) == pytest.approx([0.03, np.nan, 0.06, 0.06], nan_ok=True)


def test_a_hundred_thousand_cases_take_seconds(cases, case: UseCase) -> None:
    frame = cases(100_000)
    began = time.process_time()
    assert len(subgroups(frame, case)) >= 13
    assert time.process_time() - began < 5
