"""The story of train: every stage in order, then MLflow, then the gate."""

from __future__ import annotations

from typing import Any

import pytest

import flows.train as module
from radloop.errors import GateClosed, ServiceUnavailable
from radloop.registry import TrainingRun

CHAIN = ["validate", "split", "prepare", "train", "calibrate", "package", "predict", "evaluate"]


@pytest.fixture
def told(story: Any, place: Any, registry: Any, candidate: Any) -> Any:
    story.plain(module, workspace=lambda: place, Registry=registry, origin=lambda *_: "origin")
    story.plain(module, announcement=lambda version, run: f"{version.name}: {run}")
    story.fake(
        module, open_workspace="c0", reproduce=True, remember=None, commit_run="c1",
        write_down=TrainingRun("r", True), register=candidate, show=None, require=None,
    )  # fmt: skip
    return story


def test_a_training_goes_through_every_stage_in_order_and_registers(told: Any, candidate: Any) -> None:
    assert module.train.fn("chest_pneumonia") is candidate
    assert told.told == [
        "open_workspace", *[f"reproduce {verb}" for verb in CHAIN], "reproduce reference", "remember",
        "commit_run", "write_down", "register", "show", "require evaluate",
    ]  # fmt: skip
    assert told.shown["training"] == "chest_pneumonia/2: run r"


def test_behind_a_closed_gate_the_run_is_registered_all_the_same_and_then_the_flow_fails(told: Any, place: Any) -> None:
    place.gate_open = False
    told.fake(module, require=GateClosed("the evaluate gate is closed."))
    with pytest.raises(GateClosed, match="evaluate"):
        module.train.fn("chest_pneumonia")
    assert told.told[-5:] == ["commit_run", "write_down", "register", "show", "require evaluate"]
    assert "remember" not in told.told and "reproduce reference" not in told.told


def test_a_stage_that_refuses_ends_the_story_before_anything_is_committed(told: Any) -> None:
    def refuse(_: str, verb: str) -> bool:
        if verb == "split":
            raise GateClosed("the validate gate is closed.")
        return True

    told.fake(module, reproduce=refuse)
    with pytest.raises(GateClosed, match="validate"):
        module.train.fn("chest_pneumonia")
    assert told.told == ["open_workspace", "reproduce validate", "reproduce split"]


def test_nothing_is_registered_that_mlflow_has_not_written_down(told: Any) -> None:
    told.fake(module, write_down=ServiceUnavailable("MLflow does not answer", "start it"))
    with pytest.raises(ServiceUnavailable):
        module.train.fn("chest_pneumonia")
    assert told.told[-1] == "write_down"


def test_a_training_that_found_nothing_to_do_says_so_on_its_page(told: Any) -> None:
    told.fake(module, write_down=TrainingRun("r", False))
    module.train.fn("chest_pneumonia")
    assert "nothing was trained" in told.shown["training"]
