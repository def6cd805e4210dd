"""The table of verdict rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitoring.columns import Stream
from monitoring.findings import Finding, alarms
from monitoring.verdict import RULES, causes, decide
from radloop.params import UseCase
from radloop.records import Verdict


def finding(stream: Stream, kind: str = "location", column: str = "age", effect: float = 0.5) -> Finding:
    return Finding(stream, column, kind, "seen", effect, "alarm", p=0.001)


@pytest.mark.parametrize(
    ("found", "n", "verdict"),
    [
        ([], 400, Verdict.HEALTHY),
        ([replace(finding("score"), grade="change")], 400, Verdict.HEALTHY),
        ([replace(finding("acquisition"), grade="note")], 400, Verdict.HEALTHY),
        ([finding("acquisition")], 400, Verdict.WATCH),
        ([finding("population")], 400, Verdict.WATCH),
        ([finding("image")], 400, Verdict.WATCH),
        ([finding("prevalence")], 400, Verdict.WATCH),
        ([finding("embedding")], 400, Verdict.RETRAIN),
        ([finding("score"), finding("acquisition")], 400, Verdict.RETRAIN),
        ([finding("performance", "drop", "auroc", -0.1)], 400, Verdict.RETRAIN),
        ([finding("bias", "gap", "sex", -0.3)], 400, Verdict.RETRAIN),
        ([finding("embedding")], 10, Verdict.WATCH),
        ([finding("performance", "floor", "auroc", -0.1), finding("embedding")], 400, Verdict.STOP),
        ([finding("image", "unusable", "unusable images")], 400, Verdict.STOP),
        ([finding("image", "unusable", "unusable images")], 10, Verdict.STOP),
    ],
)
def test_findings_lead_to_one_verdict(found: list[Finding], n: int, verdict: Verdict, case: UseCase) -> None:
    seen, sentence = decide(n, found, case.monitor)
    assert seen is verdict
    assert sentence.lower().startswith(str(verdict))
    assert sentence.endswith(".")


def test_the_last_rule_always_holds_so_that_there_is_always_a_verdict() -> None:
    assert RULES[-1].verdict is Verdict.HEALTHY
    assert {rule.verdict for rule in RULES} == set(Verdict)


def test_a_new_maker_is_named_before_its_software_and_before_larger_shifts() -> None:
    maker, software = (finding("acquisition", "new", name, 0.5) for name in ("manufacturer", "software"))
    assert alarms([finding("acquisition", column="kvp", effect=3.0), software, maker])[0] is maker


def test_a_column_is_one_cause_however_many_of_its_tests_alarm() -> None:
    new, gone = finding("acquisition", "new", "manufacturer"), finding("acquisition", "level", "manufacturer", -0.5)
    assert causes([gone, new]) == [new]


def test_a_sentence_names_one_cause_per_stream(case: UseCase) -> None:
    many = [finding("acquisition", "new", name) for name in ("manufacturer", "model_name", "software", "site")]
    _, sentence = decide(400, [*many, finding("population"), finding("embedding", column="embedding")], case.monitor)
    assert "manufacturer" in sentence and "age" in sentence and "embedding" in sentence
    assert "software" not in sentence
