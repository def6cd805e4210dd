"""What the flows share, the one time with Prefect itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from prefect import flow
from prefect.testing.utilities import prefect_test_harness

import flows.steps as steps
from radloop.errors import ConfigurationError, GateClosed, ServiceUnavailable


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.mark.server
@pytest.mark.timeout(280)
def test_a_step_outside_is_tried_again_where_the_world_is_away_and_for_nothing_else(
    server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def away_twice() -> str:
        tried.append("away")
        if tried.count("away") < 3:
            raise ServiceUnavailable("the world is away")
        return steps.links()["flow_url"]

    def refuses() -> None:
        tried.append("closed")
        raise GateClosed("the science says no")

    def broken() -> None:
        tried.append("bug")
        raise ZeroDivisionError

    hopeful, closed, bug = (
        steps.outside(function).with_options(retry_delay_seconds=0) for function in (away_twice, refuses, broken)
    )

    @flow(name="tiny", persist_result=False)
    def tiny() -> str:
        for step, failure in ((closed, GateClosed), (bug, ZeroDivisionError)):
            with pytest.raises(failure):
                step()
        steps.show("tiny", "one artifact")
        return hopeful()

    assert re.fullmatch(r"http://127.0.0.1:\d+/runs/flow-run/[0-9a-f-]{36}", tiny())
    assert tried == ["closed", "bug", "away", "away", "away"]


def test_a_step_outside_gives_up_after_three_more_tries() -> None:
    assert steps.outside(lambda: None).retries == 3
    assert steps.outside(lambda: None).retry_condition_fn is steps._away


@pytest.mark.parametrize("failure", [GateClosed("no"), ConfigurationError("what?"), ZeroDivisionError()])
def test_only_an_absent_world_is_worth_a_second_try(failure: Exception) -> None:
    from prefect.states import Failed

    task = steps.open_workspace
    assert steps._away(task, None, Failed(data=ServiceUnavailable("away")))  # type: ignore[arg-type]
    assert not steps._away(task, None, Failed(data=failure))  # type: ignore[arg-type]


def test_a_stage_inside_dvc_is_never_retried() -> None:
    assert steps.reproduce.retries == 0


def test_outside_of_a_flow_run_there_is_nothing_to_link_to() -> None:
    assert steps.links() == {}
