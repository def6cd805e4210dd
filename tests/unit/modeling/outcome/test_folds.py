"""Cross-validation of outcome: nothing of a held-out patient is in what judges him."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from radloop.errors import ConfigurationError, GateClosed
from radloop.modeling.outcome.cox import fit_cox
from radloop.modeling.outcome.folds import out_of_fold, patient_folds, require_folds
from radloop.modeling.outcome.knobs import Cox
from radloop.modeling.outcome.survival import Survival

Patients = Callable[..., tuple[pd.DataFrame, Survival]]


def test_folds_keep_patients_whole_and_share_events_evenly(patients: Patients) -> None:
    _, survival = patients(53, 0, 3)
    fold = patient_folds(survival, 5, seed=1)
    assert all(np.unique(fold[survival.patients == one]).size == 1 for one in range(53))
    hit = [np.unique(survival.patients[(fold == k) & survival.event]).size for k in range(5)]
    whole = [np.unique(survival.patients[fold == k]).size for k in range(5)]
    assert np.ptp(hit) <= 1 and np.ptp(whole) <= 1
    assert np.array_equal(fold, patient_folds(survival, 5, seed=1))
    assert not np.array_equal(fold, patient_folds(survival, 5, seed=2))


def test_a_held_out_fold_changes_nothing_of_its_model(patients: Patients) -> None:
    features, survival = patients(100)
    fold = patient_folds(survival, 4)
    found = out_of_fold(features, survival, Cox(), [365.0], fold)
    spoilt = features.where(pd.Series(fold != 2), 1e6)
    again = out_of_fold(spoilt, survival, Cox(), [365.0], fold)
    assert np.array_equal(found.models[2].coefficients, again.models[2].coefficients)
    assert np.array_equal(found.models[2].columns.mean, again.models[2].columns.mean)
    alone = fit_cox(features[fold != 2], survival.part(fold != 2), Cox())
    assert np.array_equal(found.risk[fold == 2], alone.risk(features[fold == 2]))
    assert np.array_equal(found.alive[fold == 2], alone.alive(features[fold == 2], [365.0]))
    assert np.array_equal(found.group[fold == 2], alone.groups(features[fold == 2]))


def test_fewer_patients_than_folds_are_refused() -> None:
    with pytest.raises(GateClosed, match="3 patients cannot fill 5 folds"):
        patient_folds(Survival.of([1, 2, 3, 4], [1, 1, 1, 0], list("aabc")), 5)


def test_fewer_events_than_folds_are_refused() -> None:
    with pytest.raises(GateClosed, match="2 patients with the event for 3 folds"):
        patient_folds(Survival.of(np.arange(9.0), [1, 1, *[0] * 7]), 3)


def test_folds_of_somebody_else_are_judged(patients: Patients) -> None:
    survival = Survival.of([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 0], list("abcdef"))
    assert require_folds(survival, ["x", "x", "y", "y", "x", "y"]).tolist() == [0, 0, 1, 1, 0, 1]
    with pytest.raises(GateClosed, match="fold 2 of 2 is all censored"):
        require_folds(survival, [0, 0, 0, 0, 1, 1])
    with pytest.raises(GateClosed, match=r"without fold 1 of 2.*one event only"):
        require_folds(survival, [0, 0, 0, 1, 0, 1])
    with pytest.raises(GateClosed, match="one fold"):
        require_folds(survival, [0] * 6)
    with pytest.raises(ConfigurationError, match="5 folds for 6"):
        require_folds(survival, [0] * 5)
    with pytest.raises(ConfigurationError, match="in two folds"):
        require_folds(Survival.of([1, 2, 3, 4], [1] * 4, list("aabc")), [0, 1, 0, 1])
    with pytest.raises(ConfigurationError, match="2 rows for 6"):
        out_of_fold(patients(2)[0], survival, Cox(), [2.0])
