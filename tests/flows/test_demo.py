"""The last chapter of the demonstration: whatever ends the retrain, the closing table learns what was trained."""

from __future__ import annotations

from typing import Any

import pytest

import flows.demo as module
from radloop.errors import GateClosed, ServiceUnavailable
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
