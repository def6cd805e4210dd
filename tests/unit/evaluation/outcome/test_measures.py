"""All measures of an outcome model, from simulated patients to intervals."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.errors import ConfigurationError, GateClosed
from radloop.evaluation.outcome.measures import Judgement, Predicted, measure_outcome
from radloop.modeling.outcome.folds import out_of_fold
from radloop.modeling.outcome.knobs import Cox
from radloop.modeling.outcome.survival import Survival
from radloop.simulate.knobs import Hospital
from radloop.simulate.outcomes import KnownHazard, event_times, outcome_features, true_auc, true_concordance

RULES = Judgement()


def test_the_simulated_hospital_is_predicted_as_well_as_its_hazards_allow() -> None:
    hospital, hazard = Hospital(), KnownHazard()
    features = outcome_features(hospital, 500)
    told = event_times(features, hazard, hospital.seed)
    survival = Survival.of(told["time"], told["event"])
    said = out_of_fold(features, survival, Cox(penalty=0.01), [365.0, 730.0])
    found = measure_outcome(survival, Predicted(said.risk, said.horizons, said.alive, said.fold), RULES)
    best = true_concordance(told["log_hazard"], hazard, 730)
    assert found["c_uno"].low <= best <= found["c_uno"].high
    assert found["auc_365"].low <= true_auc(told["log_hazard"], hazard, 365) <= found["auc_365"].high
    assert found["explained_730"].low > 0
    assert found["brier_365"].value < 0.25 and found["brier_integrated"].known
    by_day = [f"{name}_{day}" for day in (365, 730) for name in ("auc", "brier", "explained")]
    assert list(found) == ["c_harrell", "c_uno", "brier_integrated", *by_day]


def made(n: int = 60, studies: int = 1) -> tuple[Survival, Predicted]:
    random = np.random.default_rng(0)
    risk = random.standard_normal(n)
    time = random.exponential(300 / np.exp(risk))
    alive = np.exp(-np.exp(risk)[:, None] * np.array([100, 200]) / 300)
    rows = np.repeat(np.arange(n), studies)
    survival = Survival.of(np.minimum(time, 500)[rows], (time < 500)[rows], rows)
    return survival, Predicted(risk[rows], np.array([100.0, 200.0]), alive[rows])


def test_four_studies_of_each_patient_give_the_interval_of_the_patients() -> None:
    once, four = (measure_outcome(*made(60, studies), RULES) for studies in (1, 4))
    assert four["c_uno"].clusters == 60 and four["c_uno"].n == 240
    for name in ("auc_100", "brier_200", "c_harrell"):
        width = once[name].high - once[name].low
        assert four[name].high - four[name].low == pytest.approx(width, rel=0.1)


def test_a_horizon_with_too_few_has_no_figure_and_says_why() -> None:
    survival, said = made()
    late = Predicted(said.risk, np.array([1.0, 200.0, 499.9]), np.repeat(said.alive, [1, 2], axis=1))
    found = measure_outcome(survival, late, Judgement(smallest=24))
    assert found["auc_1"].value is None and "too few events by then" in found["auc_1"].note
    assert found["brier_499.9"].note.startswith("too few watched beyond")
    assert found["auc_200"].known and found["c_uno"].known
    assert found["brier_integrated"].note == "too few horizons"
    assert not measure_outcome(survival, late, Judgement(smallest=60))["c_uno"].known


def test_what_cannot_be_judged_is_refused() -> None:
    survival, said = made()
    with pytest.raises(GateClosed, match="one event only"):
        measure_outcome(Survival.of(survival.time, np.arange(60) == 0), said, RULES)
    with pytest.raises(ConfigurationError, match="60 predictions for 59"):
        measure_outcome(survival.part(np.arange(59)), said, RULES)
    with pytest.raises(ConfigurationError, match="rising horizons"):
        Predicted(said.risk, said.horizons[::-1], said.alive)
    with pytest.raises(ConfigurationError, match="not between 0 and 1"):
        Predicted(said.risk, said.horizons, said.alive * 2)
