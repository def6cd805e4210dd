"""Numbers as people read them."""

from __future__ import annotations

import pytest

from monitoring.detectors.wording import apart, percent


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (52.4, 66.0, "52.4 → 66"),
        (1.0101, 1.0142, "1.01 → 1.014"),
        (1.0, 1.0, "1 → 1"),
        (0.0502, 0.0538, "0.0502 → 0.0538"),
    ],
)
def test_numbers_are_told_with_the_digits_that_tell_them_apart(before: float, after: float, told: str) -> None:
    assert apart(before, after) == told


@pytest.mark.parametrize(
    ("share", "told"), [(0.0, "0 %"), (0.004, "0.4 %"), (0.52, "52 %"), (0.998, "99.8 %"), (1.0, "100 %")]
)
def test_a_small_share_does_not_read_as_none_and_a_large_one_not_as_all(share: float, told: str) -> None:
    assert percent(share) == told
