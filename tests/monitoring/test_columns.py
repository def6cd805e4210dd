"""Cleaning of what is watched."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from monitoring.columns import WATCHED, embeddings, tell, tidy
from radloop.records import STATISTICS, Prediction, schema_of

Months = Callable[..., pd.DataFrame]


def test_every_watched_column_is_one_of_the_log_or_the_label() -> None:
    assert {column.name for column in WATCHED} <= {*schema_of(Prediction).names, "label"}
    assert set(STATISTICS) <= {column.name for column in WATCHED}


def test_a_tidy_table_holds_no_id(make_month: Months) -> None:
    frame = make_month(1, 50)
    tidied = tidy(frame)
    assert not {"patient_id", "study_id", "record_id", "prediction_id"} & set(tidied)
    assert tidied["patient"].nunique() == frame["patient_id"].nunique()
    assert "secret" not in tidied.to_csv()


@pytest.mark.parametrize("value", ["</script><script>alert(1)</script>", "a\nb\x00c", "x" * 500, "$\\frac$", "  "])
def test_a_hostile_category_becomes_one_short_plain_line(value: str) -> None:
    told = tell(value)
    assert told and len(told) <= 48
    assert not set(told) & set("<>&\"'`$\n\x00")


@pytest.mark.parametrize(("label", "told"), [(True, "yes"), (False, "no"), (1.0, "yes"), (0, "no"), (None, None)])
def test_truth_is_read_however_a_table_spelt_it(label: object, told: str | None, make_month: Months) -> None:
    frame = make_month(1, 5)
    frame["label"] = pd.Series([label] * 5, dtype=object)
    read = tidy(frame)["label"]
    assert read.isna().all() if told is None else set(read) == {told}


def test_embeddings_are_stacked_or_left_out_as_a_whole(make_month: Months) -> None:
    frame = make_month(1, 30)
    assert embeddings(frame).shape == (30, 16)
    frame.at[3, "embedding"] = np.zeros(0)
    assert embeddings(frame).shape == (30, 0)
    assert embeddings(frame.iloc[:0]).shape == (0, 0)
