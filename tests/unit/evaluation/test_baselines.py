"""The two plain classifiers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from radloop.evaluation import baselines
from radloop.params import UseCase
from radloop.quality import metadata


def pictures(labels: np.ndarray, side: int = 40, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    images = random.integers(60, 120, (labels.size, side, side))
    images[labels, 10:20, 10:20] += random.integers(10, 60, labels.sum())[:, None, None]
    return images.astype(np.uint8)


def alternating(n: int) -> np.ndarray:
    return np.arange(n) % 3 == 0


def test_metadata_that_tell_the_label_are_found_out(cases) -> None:
    frame = cases(600)
    frame["view"] = np.where(frame.label ^ (np.arange(600) % 7 == 0), "AP", "PA")
    train, test = frame[:400], frame[400:]
    scores = metadata.metadata_scores(train, train.label.to_numpy(), test, 0)
    assert roc_auc_score(test.label, scores.values) > 0.75
    assert "view" in scores.how["features"]


def test_metadata_that_tell_nothing_are_near_a_coin(cases) -> None:
    frame = cases(1200)
    train, test = frame[:800], frame[800:]
    scores = metadata.metadata_scores(train, train.label.to_numpy(), test, 0)
    assert 0.4 < roc_auc_score(test.label, scores.values) < 0.6


def test_that_a_value_is_missing_is_itself_a_sign(cases) -> None:
    frame = cases(600)
    frame["exposure"] = np.where(frame.label, np.nan, 3.0)
    frame["site"] = frame["site"].where(~frame.label)
    train, test = frame[:400], frame[400:]
    for column in ("exposure", "site"):
        scores = metadata.metadata_scores(train[[column]], train.label.to_numpy(), test[[column]], 0)
        assert roc_auc_score(test.label, scores.values) == 1.0


def test_values_never_seen_in_training_do_not_break_the_metadata_baseline(cases) -> None:
    frame = cases(200)
    test = frame[150:].assign(site="new", manufacturer=None)
    scores = metadata.metadata_scores(frame[:150], frame.label[:150].to_numpy(), test, 0)
    assert np.isfinite(scores.values).all()


def test_without_any_metadata_every_case_scores_the_same() -> None:
    train = pd.DataFrame({"sex": [None] * 20, "view": ["PA"] * 20})
    scores = metadata.metadata_scores(train, alternating(20), train, 0)
    assert scores.how["features"] == [] and not scores.values.any()


def test_the_label_itself_and_the_patient_are_no_features(cases) -> None:
    frame = cases(300)
    scores = metadata.metadata_scores(frame, frame.label.to_numpy(), frame, 0)
    assert not {"label", "score", "decision", "patient_id", "record_id"} & set(scores.how["features"])


def test_the_support_vector_machine_sees_a_brighter_patch(case: UseCase) -> None:
    labels = alternating(240)
    images = pictures(labels)
    scores = baselines.svm_scores(images[:160], labels[:160], np.arange(160) // 2, images[160:], case.evaluate)
    assert roc_auc_score(labels[160:], scores.values) > 0.9
    assert scores.how["cost"] in case.evaluate.svm_costs and scores.how["rows"] == 160


def test_both_baselines_repeat_themselves_exactly(cases, case: UseCase) -> None:
    frame, labels = cases(200), alternating(120)
    images = pictures(labels)
    for again in (
        lambda: metadata.metadata_scores(frame[:150], frame.label[:150].to_numpy(), frame[150:], 0).values,
        lambda: baselines.svm_scores(images[:90], labels[:90], np.arange(90), images[90:], case.evaluate).values,
    ):
        assert np.array_equal(again(), again())


def test_the_kernel_equals_scikit_learns() -> None:
    from sklearn.metrics.pairwise import rbf_kernel

    random = np.random.default_rng(0)
    a, b = random.normal(size=(5, 9)), random.normal(size=(7, 9))
    assert baselines.radial_kernel(a, b, 0.3) == pytest.approx(rbf_kernel(a, b, 0.3))


def test_shrinking_averages_areas_whatever_the_side() -> None:
    image = np.arange(36, dtype=np.uint8).reshape(1, 6, 6)
    assert baselines.shrink(image, 3)[0] == pytest.approx(image[0].reshape(3, 2, 3, 2).mean(axis=(1, 3)).ravel())
    uneven = baselines.shrink(np.full((2, 128, 100), 7, np.uint8), 48)
    assert uneven == pytest.approx(np.full((2, 48 * 48), 7.0))


def test_a_large_training_split_is_cut_at_patients_not_at_images(case: UseCase) -> None:
    codes = np.repeat(np.arange(50), 3)
    kept = baselines._whole_patients(codes, 100, 0)
    assert 97 < kept.size <= 100
    assert set(np.bincount(codes[kept], minlength=50)) == {0, 3}


@pytest.mark.parametrize("label", [True, False])
def test_a_single_class_is_refused(cases, case: UseCase, label: bool) -> None:
    labels = np.full(40, label)
    with pytest.raises(ValueError, match="needs both classes; all 40"):
        metadata.metadata_scores(cases(40), labels, cases(40), 0)
    with pytest.raises(ValueError, match="needs both classes"):
        baselines.svm_scores(pictures(labels), labels, np.arange(40), pictures(labels), case.evaluate)
