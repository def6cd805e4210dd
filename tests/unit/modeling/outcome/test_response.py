"""Response categories at their borders."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from radloop.errors import StudyRejected
from radloop.modeling.outcome.growth import Repeatability
from radloop.modeling.outcome.lesions import GONE, LesionSize
from radloop.modeling.outcome.response import RECIST, Category, Visit, choose_targets, responses, volume_criteria

START = date(2021, 3, 1)
VOLUMES = volume_criteria(Repeatability(variation=0.1))


def visit(week: int, *longest: float, new: bool = False) -> Visit:
    sizes = {k: LesionSize(mm**3 / 2000, mm) if mm else GONE for k, mm in enumerate(longest, start=1)}
    return Visit(START + timedelta(weeks=week), sizes, new)


def course(*totals: float) -> list[Category]:
    return [one.category for one in responses([visit(8 * k, mm) for k, mm in enumerate(totals)], [1])]


@pytest.mark.parametrize(
    ("totals", "category"),
    [
        ((100, 0), Category.COMPLETE), ((100, 70), Category.PARTIAL), ((100, 70.1), Category.STABLE),
        ((100, 119.9), Category.STABLE), ((100, 120), Category.PROGRESSIVE), ((20, 24.9), Category.STABLE),
        ((20, 25), Category.PROGRESSIVE),
    ],
)  # fmt: skip
def test_a_sum_of_diameters_has_recists_category(totals: tuple[float, float], category: Category) -> None:
    assert course(*totals) == [category]


def test_progression_is_counted_from_the_smallest_sum_and_response_from_the_baseline() -> None:
    assert course(100, 50, 59, 61, 65) == [Category.PARTIAL, Category.PARTIAL, *[Category.PROGRESSIVE] * 2]


def test_a_lesion_that_comes_back_is_progression() -> None:
    assert course(30, 0, 2) == [Category.COMPLETE, Category.PROGRESSIVE]


def test_a_new_lesion_is_progression_whatever_the_targets_do() -> None:
    assert responses([visit(0, 30), visit(8, 10, new=True)], [1])[0].category == Category.PROGRESSIVE


def test_a_target_that_was_not_measured_is_not_evaluable_unless_the_rest_has_grown() -> None:
    found = responses([visit(0, 30, 30), visit(8, 30), visit(16, 80), visit(24, 30, 30)], [1, 2])
    assert [one.category for one in found] == [Category.NOT_EVALUABLE, Category.PROGRESSIVE, Category.STABLE]
    assert [one.total for one in found] == [None, None, 60]


def test_volumes_have_a_spheres_shares() -> None:
    visits = [visit(8 * k, mm) for k, mm in enumerate((100, 70, 85, 84))]
    found = [one.category for one in responses(visits, [1], VOLUMES)]
    assert found == [Category.PARTIAL, Category.PROGRESSIVE, Category.PROGRESSIVE]
    assert course(100, 70, 85, 84) == [Category.PARTIAL, Category.PROGRESSIVE, Category.PROGRESSIVE]


def test_a_volume_that_may_not_have_changed_has_not() -> None:
    loose = volume_criteria(Repeatability(variation=0.4))
    visits = [visit(0, 20), visit(8, 24.2)]
    assert responses(visits, [1], VOLUMES)[0].category == Category.PROGRESSIVE
    assert responses(visits, [1], loose)[0].category == Category.STABLE


def test_targets_are_the_largest_measurable_and_two_of_an_organ() -> None:
    sizes = {k: LesionSize(1, mm) for k, mm in enumerate((9.9, 12, 40, 30, 20, 15, 11), start=1)}
    assert choose_targets(sizes) == (2, 3, 4, 5, 6)
    organs = {1: "lung", 2: "liver", 3: "lung", 4: "lung", 5: "lung", 6: "lung", 7: "bone"}
    assert choose_targets(sizes, RECIST, organs) == (2, 3, 4, 7)
    with pytest.raises(StudyRejected, match="10 mm"):
        choose_targets({1: LesionSize(1, 9)})


@pytest.mark.parametrize(
    ("visits", "targets", "reason"),
    [
        ([visit(0, 20)], [1], "visits"), ([visit(8, 20), visit(0, 20)], [1], "visits"),
        ([visit(0, 20), visit(0, 20)], [1], "visits"), ([visit(0, 20), visit(8, 20)], [2], "baseline"),
        ([visit(0, 20), visit(8, 20)], [], "baseline"), ([visit(0, 0), visit(8, 20)], [1], "baseline"),
    ],
)  # fmt: skip
def test_courses_that_cannot_be_judged_are_refused(visits: list[Visit], targets: list[int], reason: str) -> None:
    with pytest.raises(StudyRejected) as refused:
        responses(visits, targets)
    assert refused.value.reason == reason
