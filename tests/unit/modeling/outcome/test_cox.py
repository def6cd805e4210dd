"""Cox models recover the hazards that made the data, and say what they could not use."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from radloop.errors import ConfigurationError, GateClosed
from radloop.modeling.outcome.cox import CoxModel, fit_cox
from radloop.modeling.outcome.knobs import Cox
from radloop.modeling.outcome.survival import Survival
from radloop.simulate.outcomes import KnownHazard

Patients = Callable[..., tuple[pd.DataFrame, Survival]]
FREE = Cox(penalty=0)
TRUTH = np.array([0.8, -0.5, 0.0])


def per_unit(model: CoxModel) -> tuple[np.ndarray, np.ndarray]:
    return model.coefficients / model.columns.scale, model.errors / model.columns.scale


def test_the_hazards_that_made_the_data_are_recovered(patients: Patients, hazard: KnownHazard) -> None:
    features, survival = patients(1500)
    model = fit_cox(features, survival, FREE)
    found, error = per_unit(model)
    assert np.abs((found - TRUTH) / error).max() < 3 and error.max() < 0.05
    apart = model.alive(features, [200, 800]) - hazard.alive(features, [200, 800])
    assert np.abs(apart).mean() < 0.03
    assert model.notes == ()


def test_the_intervals_cover_the_true_hazards_as_often_as_they_say(patients: Patients) -> None:
    covered = []
    for seed in range(200):
        features, survival = patients(60, seed)
        ratios = fit_cox(features[["size", "texture"]], survival, FREE)
        found, error = per_unit(ratios)
        covered.append(np.abs(found - TRUTH[:2]) <= 1.959964 * error)
    assert 0.90 <= np.mean(covered) <= 0.985


def test_one_patient_studied_four_times_is_not_four_patients(patients: Patients) -> None:
    once, often = (fit_cox(*patients(150, 3, studies), FREE) for studies in (1, 4))
    assert often.errors == pytest.approx(once.errors, rel=0.15)
    alone = fit_cox((features := patients(150, 3, 4))[0], Survival.of(features[1].time, features[1].event), FREE)
    assert (alone.errors < 0.6 * often.errors).all()


def test_a_penalty_draws_hazard_ratios_to_one(patients: Patients) -> None:
    features, survival = patients(200)
    sizes = [np.abs(fit_cox(features, survival, Cox(penalty=p)).coefficients).sum() for p in (0, 0.1, 1)]
    assert sizes[0] > sizes[1] > sizes[2]
    lasso = fit_cox(features, survival, Cox(penalty=0.1, l1_share=1))
    assert abs(lasso.coefficients[2]) < 1e-3 < abs(lasso.coefficients[0])


def test_units_change_no_prediction(patients: Patients) -> None:
    features, survival = patients(120)
    metres = features * [1000, 0.001, 1] + [5, 0, -3]
    one, other = fit_cox(features, survival, Cox()), fit_cox(metres, survival, Cox())
    assert other.risk(metres) == pytest.approx(one.risk(features), abs=1e-6)


def test_columns_that_say_nothing_new_are_dropped_with_a_note(patients: Patients) -> None:
    features, survival = patients(150)
    features = features.assign(always=3.0, twice=2 * features["size"] + 1, total=features["size"] + features["noise"])
    model = fit_cox(features, survival, FREE)
    assert model.columns.names == ("size", "texture", "noise")
    assert model.columns.dropped == {
        "always": "constant in training",
        "twice": "collinear with size (r 1.000)",
        "total": "a sum of features before it",
    }
    assert "always dropped: constant in training" in model.notes
    assert "total" in fit_cox(features, survival, Cox(penalty=0.1)).columns.names


def test_few_events_are_noted(patients: Patients) -> None:
    assert any("few" in note for note in fit_cox(*patients(30), Cox()).notes)


def test_more_features_than_patients_are_fitted_under_a_penalty(patients: Patients) -> None:
    features, survival = patients(40)
    wide = pd.DataFrame(np.random.default_rng(0).standard_normal((40, 80))).add_prefix("f")
    model = fit_cox(pd.concat([features, wide], axis=1), survival, Cox(penalty=0.5))
    assert len(model.columns.names) == 83 and np.isfinite(model.coefficients).all()


def test_groups_are_cut_where_training_was_cut(patients: Patients) -> None:
    features, survival = patients(300)
    model = fit_cox(features, survival, Cox())
    assert np.bincount(model.groups(features)).tolist() == [100, 100, 100]
    assert set(model.groups(features + np.array([9, 0, 0]))) == {2}


def test_what_cannot_be_fitted_is_refused(patients: Patients) -> None:
    features, survival = patients(50)
    with pytest.raises(GateClosed, match="no feature varies"):
        fit_cox(features * 0, survival, Cox())
    with pytest.raises(GateClosed, match="no event"):
        fit_cox(features, Survival.of(survival.time, survival.event * 0), Cox())
    with pytest.raises(ConfigurationError, match="no number: texture"):
        fit_cox(features.assign(texture=np.nan), survival, Cox())
    with pytest.raises(ConfigurationError, match="is no number"):
        fit_cox(features.assign(texture="coarse"), survival, Cox())
    with pytest.raises(ConfigurationError, match="one name"):
        fit_cox(features.set_axis(["size", "size", "noise"], axis=1), survival, Cox())
    with pytest.raises(ConfigurationError, match="49 rows for 50"):
        fit_cox(features[1:], survival, Cox())


def test_a_feature_that_separates_events_is_refused_without_a_penalty() -> None:
    time = np.arange(1.0, 41)
    features = pd.DataFrame({"early": (time <= 20).astype(float)})
    survival = Survival.of(time, time <= 20)
    with pytest.raises(GateClosed, match=r"raise cox\.penalty"):
        fit_cox(features, survival, FREE)
    assert fit_cox(features, survival, Cox(penalty=0.1)).coefficients[0] > 0


def test_a_horizon_beyond_training_and_a_missing_feature_are_refused(patients: Patients) -> None:
    features, survival = patients(80)
    model = fit_cox(features, survival, Cox())
    with pytest.raises(ConfigurationError, match="beyond"):
        model.alive(features, [survival.time.max() + 1])
    with pytest.raises(ConfigurationError, match="missing: size"):
        model.risk(features.drop(columns="size"))
    assert (model.alive(features, [0]) == 1).all()


def test_a_model_comes_back_from_json_as_it_was(patients: Patients) -> None:
    features, survival = patients(80)
    model = fit_cox(features.assign(always=1.0), survival, Cox())
    told = json.loads(json.dumps(model.record()))
    again = CoxModel.from_record(told)
    assert again.record() == model.record() and again.notes == model.notes
    assert np.array_equal(again.alive(features, [100, 300]), model.alive(features, [100, 300]))
    with pytest.raises(ConfigurationError, match="no 'hazard'"):
        CoxModel.from_record({name: part for name, part in told.items() if name != "hazard"})


def test_cuts_that_do_not_rise_are_refused() -> None:
    for cuts in ((), (0.5, 0.5), (0.0,), (0.2, 1.0)):
        with pytest.raises(ValueError, match="rising shares"):
            Cox(cuts=cuts)
