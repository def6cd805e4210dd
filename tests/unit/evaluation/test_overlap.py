from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radloop.evaluation.overlap import ALL, assess_overlap, paired_difference, rows_of
from radloop.segmentation.measures import measure_case

NAMES = {1: "head", 2: "tail"}


def masks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A true mask of two boxes and an answer that is off by up to two voxels."""
    rng = np.random.default_rng(seed)
    truth, answer = np.zeros((20, 20, 12), np.uint8), np.zeros((20, 20, 12), np.uint8)
    off = rng.integers(0, 3)
    truth[3:9, 3:9, 3:9], truth[11:17, 11:17, 3:9] = 1, 2
    answer[3 + off : 9 + off, 3:9, 3:9], answer[11:17, 11:17, 3:9] = 1, 2
    return truth, answer


def table(cases: int = 24, patients: int = 12) -> pd.DataFrame:
    rows = []
    for case in range(cases):
        truth, answer = masks(case)
        found = measure_case(answer, truth, (1.0, 1.0, 2.0), (1, 2), 1.0)
        rows += rows_of(f"c{case:02}", f"p{case % patients:02}", found, NAMES)
    return pd.DataFrame(rows)


def records(cases: int = 24) -> pd.DataFrame:
    sexes = ["F" if case % 2 else "M" for case in range(cases)]
    return pd.DataFrame({"case": [f"c{case:02}" for case in range(cases)], "sex": sexes})


@pytest.fixture
def section(case):
    return case.evaluate.model_copy(update={"bootstrap": 1000, "smallest_group": 5})


def test_each_structure_and_all_together_have_their_mean_with_an_interval(section) -> None:
    rows = table()
    found = assess_overlap(rows, records(), section)
    assert list(found.measures) == [ALL, "head", "tail"]
    assert found.measures["tail"]["dice"].value == 1.0
    head = found.measures["head"]["dice"]
    assert head.value == pytest.approx(rows[rows["structure"] == "head"]["dice"].mean())
    assert head.low < head.value < head.high
    assert found.dice.value == pytest.approx((head.value + 1.0) / 2)
    assert (found.dice.n, found.dice.clusters) == (24, 12)


def test_a_missed_structure_counts_as_no_overlap_and_has_no_distance(section) -> None:
    rows = table()
    truth, _ = masks(0)
    missed = measure_case(np.where(truth == 1, 0, truth), truth, (1.0, 1.0, 2.0), (1, 2), 1.0)
    rows = pd.concat([rows[rows["case"] != "c00"], pd.DataFrame(rows_of("c00", "p00", missed, NAMES))])
    found = assess_overlap(rows, records(), section)
    assert found.states["head"] == {"found": 23, "missed": 1}
    assert found.measures["head"]["dice"].n == 24
    assert found.measures["head"]["hausdorff_95_mm"].n == 23


def test_few_cases_give_no_figure(section) -> None:
    found = assess_overlap(table(4, 4), records(4), section)
    assert found.dice.value is None and found.dice.note == "too few"


def test_groups_of_patients_have_their_own_dice(section) -> None:
    found = assess_overlap(table(), records(), section)
    assert found.subgroups["group"].tolist() == ["F", "M"]
    assert found.subgroups["n"].tolist() == [12, 12]
    assert found.subgroups["dice"].notna().all()


def test_two_answers_to_the_same_cases_are_compared_in_pairs(section) -> None:
    rng = np.random.default_rng(0)
    hard = rng.uniform(0.3, 0.9, 40)
    patients = pd.Series([f"p{place}" for place in range(40)])
    better = paired_difference(pd.Series(hard + 0.05), pd.Series(hard), patients, section)
    assert better.low > 0 and better.value == pytest.approx(0.05)
    assert better.level == section.comparison_confidence
