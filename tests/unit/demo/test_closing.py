"""The end of the demonstration: what is told, and what is no good end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from radloop.demo.cast import Cast, Month
from radloop.demo.closing import Chapter, Retrained, Told, goals, unexpected
from radloop.errors import GateClosed
from radloop.memory import PeakMemory
from radloop.records import Verdict
from radloop.registry import ModelVersion

FIRST = ModelVersion("chest_pneumonia", 1, "a" * 64, "r1", True, "one.dir", "t" * 64, ("champion",), {})
SECOND = replace(FIRST, version=2, bundle="b" * 64, run_id="r2", dataset_md5="two.dir")
TOO_FEW = GateClosed("retraining chest_pneumonia needs 50 newly labelled studies and has 3.")
COOLING = GateClosed("the last retrain of chest_pneumonia ended less than 24 h ago.")
CLOSED = GateClosed("the evaluate gate of chest_pneumonia is closed (auroc: saw 0.6, rule at least 0.7).")


def cast() -> Cast:
    july = Month("July 2024", date(2024, 7, 1), date(2024, 7, 31), Path("july"), "nothing", ("healthy",))
    august = replace(july, name="August 2024", expected=("watch", "retrain"), labels_come=True)
    return Cast("simulated", Path("training"), (july, august), "SIMULATED", {}, 360.0)


def story(retrained: Retrained, july: Verdict = Verdict.HEALTHY, august: Verdict = Verdict.WATCH) -> Told:
    told = Told(0.0, PeakMemory())
    seen = {
        "train": FIRST, "monitor July 2024": SimpleNamespace(verdict=july),
        "monitor August 2024": SimpleNamespace(verdict=august), "retrain": retrained,
    }  # fmt: skip
    told.chapters |= {name: Chapter(name, what) for name, what in seen.items()}
    return told


def test_a_story_that_went_as_it_should_has_nothing_unexpected() -> None:
    assert unexpected(story(Retrained(SECOND)), cast()) == []
    assert Retrained(SECOND).sentence(FIRST) == "chest_pneumonia/2, learnt from snapshot two.dir, is champion"


def test_a_model_that_learnt_and_was_refused_is_told_and_no_surprise() -> None:
    refused = Retrained(SECOND, CLOSED)
    assert unexpected(story(refused), cast()) == []
    assert "two.dir, does not serve: the evaluate gate" in refused.sentence(FIRST)


@pytest.mark.parametrize("refusal", [TOO_FEW, COOLING, None])
def test_a_retrain_that_ended_before_it_had_learnt_is_unexpected(refusal: GateClosed | None) -> None:
    (said,) = unexpected(story(Retrained(FIRST, refusal)), cast())
    assert "the retrain did not run" in said and (refusal.message if refusal else "the snapshot is the same") in said


def test_a_new_version_of_the_same_data_is_no_retrain() -> None:
    same = Retrained(replace(SECOND, dataset_md5=FIRST.dataset_md5))
    assert len(unexpected(story(same), cast())) == 1


def test_a_verdict_that_no_month_asked_for_is_unexpected() -> None:
    told = story(Retrained(SECOND), july=Verdict.STOP, august=Verdict.HEALTHY)
    assert unexpected(told, cast()) == [
        "July 2024 is stop, expected healthy", "August 2024 is healthy, expected watch or retrain",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "mib", "said"),
    [
        (359.9, 4096.0, "at most 360 s: met; at most 4096 MiB: met"),
        (360.1, 4097.0, "at most 360 s: missed; at most 4096 MiB: missed"),
    ],
)
def test_goals_are_met_or_missed(seconds: float, mib: float, said: str) -> None:
    assert goals(seconds, mib, cast().goal) == said
