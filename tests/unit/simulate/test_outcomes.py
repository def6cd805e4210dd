"""Simulated outcomes follow the hazard that they were drawn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from radloop.simulate.knobs import Hospital
from radloop.simulate.outcomes import KnownHazard, event_times, outcome_features, true_auc, true_concordance

HAZARD = KnownHazard(coefficients=(("size", 0.7),), median=300, shape=1.5, lost=0.001, ends=900)


def people(n: int) -> pd.DataFrame:
    return pd.DataFrame({"size": np.random.default_rng(2).standard_normal(n)})


def test_events_come_by_a_day_as_often_as_the_hazard_says() -> None:
    features = people(20000)
    told = event_times(features, HAZARD, seed=3)
    for day in (100, 300, 800):
        assert (told["event_day"] > day).mean() == pytest.approx(HAZARD.alive(features, [day]).mean(), abs=0.01)
    nobody = event_times(features * 0, HAZARD, seed=3)
    assert nobody["event_day"].median() == pytest.approx(300, rel=0.03)


def test_nobody_is_watched_after_the_end_and_a_seen_event_is_on_its_day() -> None:
    told = event_times(people(2000), HAZARD, seed=1)
    assert told["time"].max() == 900 and (told["time"] > 0).all()
    assert (told["time"] == told["event_day"])[told["event"]].all()
    assert (told["time"] < told["event_day"])[~told["event"]].all()


def test_more_losses_move_no_event() -> None:
    few, many = (event_times(people(500), replace(HAZARD, lost=lost), 4) for lost in (0.0, 0.01))
    assert (few["event_day"] == many["event_day"]).all() and few["event"].sum() > 1.5 * many["event"].sum()
    pd.testing.assert_frame_equal(few, event_times(people(500), replace(HAZARD, lost=0.0), 4))


def test_the_true_measures_are_what_true_event_days_show() -> None:
    features = people(1500)
    told = event_times(features, HAZARD, seed=9)
    risk, day = told["log_hazard"].to_numpy(), told["event_day"].to_numpy()
    first = (day[:, None] < day) & (day[:, None] < 500)
    assert true_concordance(risk, HAZARD, 500) == pytest.approx((risk[:, None] > risk)[first].mean(), abs=0.015)
    apart = (day[:, None] <= 300) & (day > 300)
    assert true_auc(risk, HAZARD, 300) == pytest.approx((risk[:, None] > risk)[apart].mean(), abs=0.02)
    assert true_concordance(np.zeros(9), HAZARD, 500) == true_auc(np.zeros(9), HAZARD, 300) == 0.5


def test_the_hospitals_patients_have_the_features_that_its_hazard_names() -> None:
    hospital, hazard = Hospital(), KnownHazard()
    features = outcome_features(hospital, 300)
    assert {name for name, _ in hazard.coefficients} < set(features)
    assert features["pneumonia"].between(0, 1).all() and 0.1 < (features["pneumonia"] > 0).mean() < 0.7
    pd.testing.assert_frame_equal(features[:50], outcome_features(hospital, 50))
    assert event_times(features, hazard, hospital.seed)["event"].mean() > 0.3
