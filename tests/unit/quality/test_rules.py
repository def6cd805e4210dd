from __future__ import annotations

from radloop.params import UseCase
from radloop.quality.rules import BLANK, REQUIRED, film_rules, row_rules
from radloop.records import Record, schema_of


def test_every_reason_is_told_once(case: UseCase) -> None:
    reasons = [rule.reason for rule in (*row_rules(case), *film_rules(case))]
    assert len(reasons) == len(set(reasons))
    assert set(BLANK) <= set(reasons)


def test_whatever_a_record_cannot_lack_is_required() -> None:
    needed = {field.name for field in schema_of(Record) if not field.nullable}
    assert needed <= set(REQUIRED)
