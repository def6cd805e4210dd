"""Nested cross-validation finds what is there, and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radloop.errors import ConfigurationError
from radloop.intervals import auroc_interval
from radloop.radiomics.classifiers import classifiers, logistic, selections
from radloop.radiomics.dealing import deal
from radloop.radiomics.nested import Nesting, out_of_fold, permuted_auroc
from radloop.radiomics.selection import Strongest
from radloop.radiomics.table import FeatureTable, permuted
from radloop.radiomics.tuning import Tuned


def table(rows: int = 120, noise: int = 150, effect: float = 1.2, each: int = 1) -> FeatureTable:
    """Three features that tell the class by `effect`, among noise; `each` cases of a patient."""
    random = np.random.default_rng(3)
    patients = np.arange(rows) // each
    labels = random.permutation(np.arange(rows // each) % 2 == 0)[patients]
    values = random.normal(size=(rows // each, noise + 3))[patients] + 0.1 * random.normal(size=(rows, noise + 3))
    values[:, :3] += effect * labels[:, None]
    names = [f"true_{at}" for at in range(3)] + [f"noise_{at}" for at in range(noise)]
    return FeatureTable("planted", pd.DataFrame(values, columns=names), labels, patients)


def quick() -> Tuned:
    """The real selections with the quick classifier."""
    return Tuned(selections(), {"logistic": logistic()})


def test_planted_features_are_found_and_tell_the_class() -> None:
    planted = table()
    found = out_of_fold(planted, {"ours": Tuned(selections(), classifiers())}, Nesting(folds=3, repeats=1))
    assert auroc_interval(planted.labels, found.score("ours"), planted.patients).low > 0.8  # type: ignore[operator]
    assert sorted(found.kept, key=lambda name: -found.kept[name])[:3] == ["true_0", "true_1", "true_2"]
    assert set(found.ranks) == {"ours", "ours: best", "ours: logistic", "ours: trees", "ours: svm"}
    assert sum(found.chosen.values()) == 3


def test_selection_outside_cross_validation_would_find_a_class_in_noise_and_ours_does_not() -> None:
    noise = permuted(table(rows=80, noise=500, effect=0), seed=11)
    chosen = Strongest(10).fit_transform(noise.features, noise.labels)
    careless = make_pipeline(StandardScaler(), LogisticRegression())
    leaky = cross_val_predict(careless, chosen, noise.labels, cv=5, method="decision_function")
    assert auroc_interval(noise.labels, leaky).low > 0.6  # type: ignore[operator]
    honest = permuted_auroc(noise, quick(), Nesting(folds=5, repeats=3))
    assert honest.low < 0.5 < honest.high  # type: ignore[operator]
    assert honest.value == pytest.approx(0.5, abs=0.1)


def test_permuted_labels_of_a_table_that_tells_the_class_give_a_half() -> None:
    found = permuted_auroc(table(), quick(), Nesting(folds=5, repeats=3))
    assert found.low < 0.5 < found.high  # type: ignore[operator]


def test_a_patient_with_several_cases_stays_in_one_fold_and_permutes_as_one() -> None:
    several = table(rows=120, noise=20, effect=0, each=4)
    for fit, held in deal(several.labels, several.patients, 5, 0):
        assert not set(several.patients[fit]) & set(several.patients[held])
    shuffled = permuted(several, 0).labels
    assert all(len(set(shuffled[several.patients == one])) == 1 for one in set(several.patients))
    found = permuted_auroc(several, quick(), Nesting(folds=5, repeats=3))
    assert found.low < 0.5 < found.high  # type: ignore[operator]


def test_a_scanner_that_shifts_features_is_harmonised_within_the_folds() -> None:
    planted = table(rows=160, noise=20, effect=1.0)
    scanner = np.where(np.arange(160) % 4 < 2, "a", "b")
    shifted = planted.features + 8.0 * (scanner == "b")[:, None]
    both = FeatureTable("two scanners", shifted.assign(scanner=scanner), planted.labels, planted.patients)
    models = {"harmonised": Tuned(selections(scanner="scanner"), {"logistic": logistic()})}
    found = out_of_fold(both, models, Nesting(folds=3, repeats=1))
    assert found.mean_auroc("harmonised", both.labels) > 0.85


def test_features_that_do_not_repeat_go_within_the_folds_beside_scanner_and_age() -> None:
    planted = table(rows=80, noise=10)
    random = np.random.default_rng(1)
    index = pd.MultiIndex.from_product([range(80), range(3)])
    measured = planted.features.loc[index.get_level_values(0)].set_axis(index)
    measured += 0.05 * random.normal(size=measured.shape)
    measured["true_0"] = random.normal(size=240)
    extra = {"scanner": np.where(np.arange(80) % 4 < 2, "a", "b"), "age": random.uniform(40, 80, 80)}
    steps = selections(scanner="scanner", preserve=("age",), measured=measured)["filtered"]
    found = steps.fit_transform(planted.features.assign(**extra), planted.labels)
    assert {"true_1", "true_2", "age"} <= set(found)
    assert not {"true_0", "scanner"} & set(found)


def test_the_same_seed_gives_the_same_scores() -> None:
    planted = table(noise=30)
    first, second = (out_of_fold(planted, {"ours": quick()}, Nesting(3, 1)).score("ours") for _ in range(2))
    assert (first == second).all()


def test_a_tuned_model_answers_as_a_classifier_does() -> None:
    planted = table(noise=30)
    fitted = quick().fit(planted.features, planted.labels, planted.patients)
    said = fitted.decision_function(planted.features)
    assert (fitted.predict(planted.features) == (said > 0)).all()
    assert (said == fitted.scores(planted.features)["logistic"]).all()


def test_classifiers_vote_by_where_a_score_lies_among_inner_held_out_scores() -> None:
    planted = table(noise=10)
    fitted = Tuned(selections(), classifiers()).fit(planted.features, planted.labels, planted.patients)
    votes = fitted.decision_function(planted.features)
    assert 0 <= votes.min() < 0.3 < 0.7 < votes.max() <= 1
    highest = {name: np.array([values.max()]) for name, values in fitted.held_.items()}
    assert fitted.vote(highest) == pytest.approx(1 - 0.5 / 120)
    said = np.mean([model.predict(planted.features) for model in fitted.models_.values()], axis=0)
    assert (fitted.predict(planted.features) == (said > 0.5)).all()


@pytest.mark.parametrize(
    ("labels", "patients", "said"),
    [
        ([0, 1, 0, 1], [0, 1, 2, 3], "4 patients are fewer than 5 folds"),
        ([0] * 10, range(10), "0 patients with a positive case are fewer than 5 folds"),
        ([0] * 10 + [1] * 3, range(13), "3 patients with a positive case are fewer than 5 folds"),
    ],
)
def test_tables_that_cannot_be_dealt_are_refused(labels: list[int], patients: list[int], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        deal(np.array(labels) == 1, np.array(list(patients)), 5, 0)


def test_a_fold_that_ends_with_one_class_because_patients_stay_whole_is_refused() -> None:
    patients = np.array([0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 3])
    labels = np.array([1, 0, 1, 0, 0, 0, 0, 1, 1, 0, 1]) == 1
    with pytest.raises(ConfigurationError, match="one of 3 folds is of one class only"):
        deal(labels, patients, 3, 0)


def test_a_single_fold_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="1 folds"):
        deal(np.array([True, False]), np.array([0, 1]), 1, 0)


def test_a_table_of_unequal_parts_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="2 rows of features, 1 labels and 2 patients"):
        FeatureTable("odd", pd.DataFrame({"a": [1, 2]}), np.array([True]), np.array([0, 1]))
