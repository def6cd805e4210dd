"""Intraclass correlation against published figures, and who passes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radloop.errors import ConfigurationError
from radloop.radiomics.reproducible import Reproducible, icc_table

#: Shrout and Fleiss 1979, table 2: six targets by four judges.
JUDGED = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


def long(values: np.ndarray, name: str = "feature") -> pd.DataFrame:
    index = pd.MultiIndex.from_product([range(values.shape[0]), range(values.shape[1])])
    return pd.DataFrame({name: values.reshape(-1)}, index=index)


def noisy(cases: int = 40, masks: int = 5) -> pd.DataFrame:
    """A feature that repeats, and one that does not."""
    random = np.random.default_rng(0)
    truth, noise = random.normal(size=(cases, 1)), random.normal(size=(cases, masks))
    return long(truth + 0.1 * noise, "steady").join(long(0.5 * truth + noise, "fickle"))


@pytest.mark.parametrize(("kind", "icc", "low", "high"), [("2,1", 0.290, 0.019, 0.761), ("3,1", 0.715, 0.342, 0.946)])
def test_the_published_example_is_reproduced(kind: str, icc: float, low: float, high: float) -> None:
    found = icc_table(long(JUDGED), kind).loc["feature"]  # type: ignore[arg-type]
    assert [found["icc"], found["low"], found["high"]] == pytest.approx([icc, low, high], abs=6e-4)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    cases, masks, many = 20, 4, 2000
    truth, bias = random.normal(size=(cases, 1, many)), 0.5 * random.normal(size=(1, masks, many))
    cube = truth + bias + 0.5 * random.normal(size=(cases, masks, many))
    index = pd.MultiIndex.from_product([range(cases), range(masks)])
    found = icc_table(pd.DataFrame(cube.reshape(-1, many), index=index))
    covered = ((found["low"] <= 1 / 1.5) & (found["high"] >= 1 / 1.5)).mean()
    assert 0.92 < covered < 0.99


def test_a_mask_that_shifts_every_case_alike_lowers_agreement_but_not_consistency() -> None:
    shifted = long(np.arange(10.0)[:, None] + np.array([0.0, 5.0]))
    assert icc_table(shifted, "3,1").loc["feature", "icc"] == pytest.approx(1)
    assert icc_table(shifted, "2,1").loc["feature", "icc"] < 0.6


def test_masks_that_change_nothing_give_one() -> None:
    found = icc_table(long(np.arange(10.0)[:, None] + np.zeros(3))).loc["feature"]
    assert list(found[["icc", "low", "high"]]) == [1, 1, 1]


def test_only_features_that_repeat_stay() -> None:
    frame = pd.DataFrame(np.zeros((40, 2)), columns=["fickle", "steady"])
    assert Reproducible(noisy()).fit(frame).kept_ == ["steady"]


def test_clinical_columns_have_no_mask_and_stay() -> None:
    frame = pd.DataFrame(np.zeros((40, 3)), columns=["fickle", "steady", "age"])
    assert Reproducible(noisy(), carry=("age",)).fit(frame).kept_ == ["steady", "age"]


def test_masks_of_held_out_cases_decide_nothing() -> None:
    measured = noisy()
    spoilt = measured.copy()
    spoilt.loc[30:, "steady"] = np.random.default_rng(1).normal(size=50)
    frame = pd.DataFrame(np.zeros((30, 2)), columns=["fickle", "steady"])
    pd.testing.assert_frame_equal(Reproducible(measured).fit(frame).table_, Reproducible(spoilt).fit(frame).table_)
    with pytest.raises(ConfigurationError, match="no feature repeats"):
        Reproducible(spoilt, apart=True).fit(frame)


def test_incomplete_or_unmeasured_features_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="199 rows for 40 cases under 5 masks"):
        icc_table(noisy().iloc[1:])
    with pytest.raises(ConfigurationError, match="not finite"):
        icc_table(noisy().assign(steady=np.nan))
    with pytest.raises(ConfigurationError, match="1 features were not measured"):
        Reproducible(noisy()).fit(pd.DataFrame({"other": [0.0] * 40}))
