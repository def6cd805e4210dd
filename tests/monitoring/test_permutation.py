"""The false alarm rate of the drift tests is what it says, and they find what is there."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.columns import BY_NAME
from monitoring.detectors.features import Feature, Matrix, normal_scores, whiten
from monitoring.detectors.permutation import permutation_test, step_down

LOOKS, RATE = 400, 0.05


def matrix(rng: np.random.Generator, shift: float = 0.0) -> Matrix:
    """Ten numbers, four rare categories and five components; the sides differ in images per patient."""
    sizes = [1 + rng.poisson(more, n) for n, more in ((100, 0.6), (140, 0.05))]
    patient = np.repeat(np.arange(240), np.concatenate(sizes))
    rows = int(sizes[0].sum())
    habit = rng.normal(size=(240, 10))[patient]
    numbers = habit + rng.normal(size=(len(patient), 10))
    numbers[rows:, 0] += shift
    rare = (rng.random((240, 4)) < 0.05)[patient].astype(float)
    parts = whiten(habit[:, :5] + rng.normal(size=(len(patient), 5)))
    values = np.column_stack([*(normal_scores(column) for column in numbers.T), rare - rare.mean(axis=0), parts])
    features = [Feature(BY_NAME["age"], "location")] * 10 + [Feature(BY_NAME["site"], "level", "x")] * 4
    features += [Feature(None, "component")] * 5 + [Feature(None, "mean_shift", span=(14, 19))]
    return Matrix(tuple(features), values, patient, rows)


def test_four_hundred_quiet_looks_alarm_no_more_often_than_the_stated_rate() -> None:
    smallest = np.array([permutation_test(matrix(np.random.default_rng(s)), 199, s).p.min() for s in range(LOOKS)])
    error = np.sqrt(RATE * (1 - RATE) / LOOKS)
    alarms = float((smallest <= RATE).mean())
    assert alarms <= RATE + 3 * error
    assert alarms >= 0.005, "a test that never alarms has no power to be calibrated"


def test_images_of_one_patient_do_not_count_as_independent() -> None:
    """Ten identical images per patient: a test on images would alarm on nearly every quiet look."""
    smallest = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(40), 10)
        values = rng.normal(size=(40, 5))[patient]
        features = (Feature(BY_NAME["age"], "location"),) * 5
        smallest.append(permutation_test(Matrix(features, values, patient, 200), 199, seed).p.min())
    assert np.mean(np.array(smallest) <= RATE) <= 0.12


def test_a_shift_of_three_quarters_of_a_standard_deviation_is_found_by_its_own_column() -> None:
    found = [permutation_test(matrix(np.random.default_rng(s), 1.1), 999, s).p for s in range(20)]
    assert sum(p[0] <= 0.01 for p in found) >= 19
    assert sum((p[1:10] <= 0.01).any() for p in found) <= 2


def test_a_shift_of_the_whole_embedding_is_found_though_no_part_moved_much() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(500, 16))
    values[200:] += 0.3
    white = whiten(values)
    features = (*[Feature(None, "component")] * 16, Feature(None, "mean_shift", span=(0, 16)))
    tested = permutation_test(Matrix(features, white, np.arange(500), 200), 999, 0)
    assert tested.p[-1] <= 0.002
    assert 0.6 < tested.difference[-1] < 1.6


def test_the_same_seed_gives_the_same_answer() -> None:
    first, second = (permutation_test(matrix(np.random.default_rng(3)), 199, 7) for _ in range(2))
    assert np.array_equal(first.p, second.p)


@pytest.mark.parametrize("rows", [0, 1])
def test_a_side_without_patients_to_compare_raises_no_alarm(rows: int) -> None:
    features = (Feature(BY_NAME["age"], "location"),)
    assert permutation_test(Matrix(features, np.ones((5, 1)), np.arange(5), rows), 99, 0).p.min() == 1.0


def test_step_down_gives_the_largest_the_hardest_comparison() -> None:
    rng = np.random.default_rng(0)
    statistics = np.abs(rng.normal(size=(1000, 3)))
    statistics[0] = [5.0, 2.4, 0.1]
    p = step_down(statistics)
    assert p[0] == pytest.approx(1 / 1000)
    single = float((statistics.max(axis=1) >= 2.4).mean())
    assert p[0] < p[1] < single
    assert p[2] > 0.5
