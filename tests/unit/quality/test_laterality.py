from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from radloop.dicom.values import laterality_code
from radloop.quality.expectations import judge
from radloop.quality.laterality import PAIRED, UNPAIRED, laterality_facts, laterality_rules

RULES = tuple(laterality_rules())
Catalog = Callable[..., pd.DataFrame]
KNEE = {"body_part": "KNEE", "laterality": "L"}


def broken(frame: pd.DataFrame) -> dict[str, list[int]]:
    table = pd.concat([frame, laterality_facts(frame)], axis=1)
    judged = judge(table, "rows", RULES, datetime(2026, 1, 1, tzinfo=UTC))
    return {reason: places for reason, places in judged.breaches.items() if places}


SOUND: dict[str, dict[str, Any]] = {
    "nothing is told": {},
    "a left knee": KNEE,
    "a left knee, lying on its right side": {**KNEE, "view": "RL"},
    "both hands": {"body_part": "HAND", "laterality": "B"},
    "a chest has no side": {"body_part": "CHEST", "laterality": "U"},
    "a chest in left lateral view may say left": {"body_part": "CHEST", "laterality": "L", "view": "LL"},
    "words that agree": {**KNEE, "series_description": "Left knee"},
    "words that name both sides": {**KNEE, "series_description": "knee left right"},
    "an unknown part": {"body_part": "EXTREMITY"},
    "another series of the same patient": {"body_part": "KNEE", "laterality": "R", "series_id": "other"},
}
FAULTS: dict[str, dict[str, Any]] = {
    "laterality_unknown_code": {"laterality": "other"},
    "laterality_contradicts_view": {"body_part": "CHEST", "laterality": "R", "view": "LLD"},
    "laterality_contradicts_description": {**KNEE, "series_description": "Knee RIGHT"},
    "laterality_of_unpaired_part": {"body_part": "CHEST", "laterality": "R", "view": "PA"},
    "laterality_untold": {"body_part": "KNEE", "laterality": "U"},
}


def test_each_contradiction_of_sides_breaks_its_own_rule_and_sound_rows_none(catalog: Catalog) -> None:
    frame = catalog(*SOUND.values(), *FAULTS.values())
    assert broken(frame) == {name: [place] for place, name in enumerate(FAULTS, start=len(SOUND))}


def test_a_series_that_tells_two_sides_is_set_aside_whole(catalog: Catalog) -> None:
    left, right = {**KNEE, "series_id": "one"}, {**KNEE, "laterality": "R", "series_id": "one"}
    assert broken(catalog(left, right, KNEE)) == {"laterality_differs_within_series": [0, 1]}
    assert {rule.reason for rule in RULES} == {*FAULTS, "laterality_differs_within_series"}


def test_what_only_is_unusual_warns() -> None:
    assert {rule.reason for rule in RULES if rule.severity == "warn"} == {
        "laterality_of_unpaired_part", "laterality_untold",
    }  # fmt: skip


def test_no_part_is_both_one_and_two() -> None:
    assert not PAIRED & UNPAIRED


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (("", ""), None), (("L", ""), "L"), (("", "r"), "R"), (("B", "B"), "B"), (("L", "R"), "other"),
        (("Quentin", ""), "other"),
    ],
)  # fmt: skip
def test_a_side_is_told_once_or_not_at_all(told: tuple[str, ...], code: str | None) -> None:
    assert laterality_code(*told) == code
