"""The story of deploy: try, promote, try again through the service, and go back where that fails."""

from __future__ import annotations

from typing import Any

import pytest

import flows.deploy as module
from radloop.errors import GateClosed, ServiceUnavailable
from radloop.gate import Check, Gate

OPEN = Gate("register", "chest_pneumonia", (Check("gate", True, "open", "is open"),))


@pytest.fixture
def told(story: Any, candidate: Any) -> Any:
    story.fake(
        module, candidate=candidate, try_out=None, live_service="http://radloop.test:8000", promote=OPEN,
        try_service="passed through http://radloop.test:8000", go_back=None, show=None, tell=None,
    )  # fmt: skip
    return story


def test_a_candidate_is_tried_before_and_after_it_becomes_champion(told: Any, candidate: Any) -> None:
    assert module.deploy.fn("chest_pneumonia") is candidate
    assert told.told == ["candidate", "try_out", "live_service", "promote", "try_service", "show", "tell"]
    assert "gate: open" in told.shown["deploy"]
    assert "live smoke set: passed through http://radloop.test:8000" in told.shown["deploy"]


def test_where_no_service_answers_the_page_says_that_it_was_not_tried(
    told: Any, place: Any, candidate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    nobody = place.settings.model_copy(update={"serving_port": 9})
    place.settings = nobody
    told.plain(module, workspace=lambda: place, load_settings=lambda: nobody)
    told.fake(module, candidate=candidate, try_out=None, promote=OPEN, show=None, tell=None)
    told.fake(module, live_service=module.live_service.fn, try_service=module.try_service.fn)
    module.deploy.fn("chest_pneumonia")
    assert told.told == ["candidate", "try_out", "live_service", "promote", "try_service", "show", "tell"]
    assert "live smoke set: not tried: no service answers at http://127.0.0.1:9" in told.shown["deploy"]


def test_a_candidate_that_fails_the_smoke_set_here_is_never_promoted(told: Any) -> None:
    told.fake(module, try_out=GateClosed("the smoke set failed."))
    with pytest.raises(GateClosed):
        module.deploy.fn("chest_pneumonia")
    assert told.told == ["candidate", "try_out"]


def test_a_candidate_that_may_not_be_promoted_is_not_tried_on_the_service(told: Any) -> None:
    told.fake(module, promote=GateClosed("1 approval is missing."))
    with pytest.raises(GateClosed, match="approval"):
        module.deploy.fn("chest_pneumonia")
    assert told.told == ["candidate", "try_out", "live_service", "promote"]


@pytest.mark.parametrize(
    "failure",
    [GateClosed("scores differ."), ServiceUnavailable("the service does not answer."), KeyError("bundle")],
    ids=["it answers otherwise", "it died of it", "it answers nonsense"],
)
def test_the_champion_before_comes_back_where_the_service_fails_with_the_new_one(told: Any, failure: Exception) -> None:
    told.fake(module, try_service=failure)
    with pytest.raises(type(failure)):
        module.deploy.fn("chest_pneumonia")
    assert told.told[:5] == ["candidate", "try_out", "live_service", "promote", "try_service"]
    assert told.told[5].startswith("go_back") and len(told.told) == 6
