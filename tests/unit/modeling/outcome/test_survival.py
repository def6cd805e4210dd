"""Outcomes that cannot be are refused, and never with a word about whose they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from radloop.errors import ConfigurationError, GateClosed
from radloop.modeling.outcome.survival import Survival


def test_patients_are_counted_and_not_their_studies() -> None:
    found = Survival.of([5, 5, 9, 3], [1, 1, 0, 1], ["a", "a", "b", "c"])
    assert (len(found), found.events, found.patients_in_all, found.patients_with_event) == (4, 3, 3, 2)
    assert found.part(found.time > 4).patients_with_event == 1


@pytest.mark.parametrize(
    ("time", "event", "words"),
    [
        ([1, -2], [1, 0], "1 of 2 times are negative"), ([1, np.nan], [1, 0], "no numbers"),
        ([1, np.inf], [1, 0], "no numbers"), ([1, 2], [1, 2], "neither true nor false"),
        ([1, 2], ["dead", "alive"], "neither true nor false"), ([1, 2], [1, None], "neither true nor false"),
        ([1, 2, 3], [1, 0], "3 times, 2 events"),
    ],
)  # fmt: skip
def test_times_and_events_that_cannot_be_are_refused(time: list[float], event: list[Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Survival.of(time, event)


@pytest.mark.parametrize(
    ("event", "patients", "words"),
    [([0, 0, 0], "abc", "no event"), ([0, 1, 0], "abc", "one event only"), ([1, 1, 0], "aab", "one event only")],
)
def test_no_event_and_one_event_order_nothing(event: list[int], patients: str, words: str) -> None:
    with pytest.raises(GateClosed, match=words):
        Survival.of([1, 2, 3], event, list(patients)).require_events()
