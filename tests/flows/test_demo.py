"""The demonstration's story with faked flows: its chapters, and how it ends where the retrain did not run."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import flows.demo as module
from radloop.demo.cast import Cast, Month
from radloop.demo.closing import Told, unexpected
from radloop.errors import GateClosed, ServiceUnavailable
from radloop.records import Verdict
from radloop.settings import Settings


@pytest.fixture
def told(story: Any, candidate: Any) -> Any:
    class Known:
        def __init__(self, settings: Settings) -> None:
            self.settings = settings

        def version(self, use_case: str, which: str) -> Any:
            return {("chest_pneumonia", "candidate"): candidate}[use_case, which]

    story.plain(module, Registry=Known)
    return story


def test_a_retrain_that_ran_is_told_with_its_candidate(told: Any, candidate: Any) -> None:
    told.fake(module, retrain=candidate)
    seen = module._retrain(Settings())
    assert seen.candidate is candidate and seen.refusal is None


def test_a_refusal_goes_to_the_closing_table_with_the_newest_candidate(told: Any, candidate: Any) -> None:
    refusal = GateClosed("too few labels.")
    told.fake(module, retrain=refusal)
    seen = module._retrain(Settings())
    assert seen.candidate is candidate and seen.refusal is refusal


def test_any_other_failure_ends_the_story(told: Any) -> None:
    told.fake(module, retrain=ServiceUnavailable("MLflow is away."))
    with pytest.raises(ServiceUnavailable):
        module._retrain(Settings())


@pytest.mark.parametrize(("learnt", "code"), [(True, 0), (False, 1)])
def test_the_story_ends_well_only_where_the_retrain_learnt(
    told: Any, candidate: Any, monkeypatch: pytest.MonkeyPatch, learnt: bool, code: int
) -> None:
    july = Month("July 2024", date(2024, 7, 1), date(2024, 7, 31), Path("july"), "nothing", ("healthy",))
    august = replace(july, name="August 2024", labels_come=True)
    cast = Cast("simulated", Path("training"), (july, august), "SIMULATED", {}, 360.0)
    candidate.dataset_md5 = "two.dir"
    first = SimpleNamespace(version=1, name="chest_pneumonia/1", dataset_md5="one.dir")
    report = SimpleNamespace(verdict=Verdict.HEALTHY)
    told.fake(
        module, _open_stage=cast, ingest=None, train=first if learnt else candidate, deploy=None, infer=None,
        labels_of=[], monitor=report, retrain=candidate if learnt else GateClosed("too few labels."),
    )  # fmt: skip
    ends: list[Told] = []

    def closing(end: Told, cast: Cast, *_: Any) -> int:
        ends.append(end)
        return len(unexpected(end, cast))

    told.plain(module, closing_table=closing, PredictionLog=lambda _: SimpleNamespace(add_labels=lambda labels: labels))
    with pytest.raises(SystemExit) as end:
        module.tell_story()
    assert end.value.code == code
    flow = ["ingest", "train", "deploy", "infer", "monitor", "infer", "labels_of", "monitor", "retrain"]
    assert told.told == ["_open_stage", *flow]
    assert list(ends[0].chapters)[-1] == "retrain" and ends[0].memory.mib > 50
