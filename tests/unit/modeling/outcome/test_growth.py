"""Doubling times against Schwartz's formula, and their error against known measurement error."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from radloop.errors import StudyRejected
from radloop.modeling.outcome.growth import Repeatability, growth, repeatability

START = date(2020, 1, 1)
LIMITS = Repeatability(variation=0.1)


def days(*numbers: int) -> list[date]:
    return [START + timedelta(days=int(n)) for n in numbers]


def test_a_volume_that_doubled_in_100_days_doubles_in_100_days() -> None:
    found = growth(days(0, 100), [1.5, 3.0], LIMITS)
    assert found.doubling is not None and found.halving is None and found.changed
    assert found.doubling[0] == pytest.approx(100)
    assert found.doubling[1] < 100 < found.doubling[2]


def test_a_volume_that_fell_to_a_quarter_halves_in_half_the_time() -> None:
    found = growth(days(0, 60), [4.0, 1.0], LIMITS)
    assert found.doubling is None and found.halving is not None
    assert found.halving[0] == pytest.approx(30) and found.halving[1] < 30 < found.halving[2]


def test_a_change_within_repeatability_is_none() -> None:
    low, high = LIMITS.limits
    assert high == pytest.approx(np.exp(1.959964 * np.sqrt(2 * np.log(1.01))), rel=1e-6)
    assert low == pytest.approx(1 / high)
    inside, outside = growth(days(0, 30), [1, high * 0.999], LIMITS), growth(days(0, 30), [1, high * 1.001], LIMITS)
    assert (inside.changed, inside.doubling) == (False, None)
    assert outside.changed and outside.doubling is not None
    assert not LIMITS.beyond(high * 0.999) and LIMITS.beyond(low * 0.999)


def test_many_studies_narrow_the_interval() -> None:
    two, five = growth(days(0, 100), [1, 2], LIMITS), growth(days(0, 25, 50, 75, 100), 2 ** (np.arange(5) / 4), LIMITS)
    assert five.rate == pytest.approx(two.rate) and five.exponential
    assert five.high - five.low < two.high - two.low


def test_growth_that_turned_round_is_not_called_exponential() -> None:
    assert not growth(days(0, 50, 100), [1, 4, 1], LIMITS).exponential


def test_the_interval_covers_the_true_rate_as_often_as_it_says() -> None:
    random, rate, when = np.random.default_rng(4), np.log(2) / 120, np.array([0, 45, 90])
    drawn = np.exp(rate * when + LIMITS.spread * random.standard_normal((400, 3)))
    found = [growth(days(*when), one, LIMITS) for one in drawn]
    covered = np.mean([one.low <= rate <= one.high for one in found])
    assert 0.92 <= covered <= 0.98
    assert np.mean([one.exponential for one in found]) >= 0.92


def test_repeatability_is_recovered_from_pairs() -> None:
    random = np.random.default_rng(1)
    true = np.exp(random.normal(0, 1, 2000))
    noise = np.exp(LIMITS.spread * random.standard_normal((2, 2000)))
    assert repeatability(true * noise[0], true * noise[1]).variation == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(
    ("when", "volume", "reason"),
    [
        ((0, 0), (1, 2), "one_day"),
        ((0,), (1,), "one_day"),
        ((0, 9), (1, 0), "no_volume"),
        ((0, 9), (1,), "lesion_size"),
    ],
)
def test_what_has_no_doubling_time_is_refused(when: tuple[int, ...], volume: tuple[float, ...], reason: str) -> None:
    with pytest.raises(StudyRejected) as refused:
        growth(days(*when), volume, LIMITS)
    assert refused.value.reason == reason


@pytest.mark.parametrize("pairs", [([1], [1]), ([1, 2], [1, 2]), ([1, 2], [1]), ([1, 0], [1, 1])])
def test_pairs_that_tell_no_repeatability_are_refused(pairs: tuple[list[float], list[float]]) -> None:
    with pytest.raises(StudyRejected):
        repeatability(*pairs)
