"""The story of train: every stage in order, then MLflow, then the gate."""

from __future__ import annotations

from typing import Any

import pytest

import flows.train as module
from radloop.errors import GateClosed, ServiceUnavailable
from radloop.registry import Links, TrainingRun

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


def test_the_run_and_the_data_docs_of_its_snapshot_lead_to_each_other(story: Any, place: Any) -> None:
    made, given = place.stage("chest_pneumonia", "validate") / "data_docs", []
    made.mkdir(parents=True)
    (made / "index.html").write_text("<h1>Data Docs</h1>")

    class Registry:
        def __init__(self, _: Any) -> None:
            self.page = "http://mlflow/{}".format

        def log_training(self, _case: Any, _folder: Any, links: Links) -> TrainingRun:
            given.append(links)
            return TrainingRun("r", True)

    story.plain(module, workspace=lambda: place, Registry=Registry)
    came_from = Links("c0ffee", "0123", "abc.dir", "f", "http://prefect/f")
    for _ in range(2):  # it may be tried again
        module.write_down.fn("chest_pneumonia", came_from)
    [kept] = (place.settings.reports / "chest_pneumonia" / "data_docs").glob("abc-*/index.html")
    assert {links.data_docs for links in given} == {kept.as_uri()}
    text = kept.read_text()
    assert text.count("http://mlflow/r") == text.count("http://prefect/f") == text.count("c0ffee") == 1
