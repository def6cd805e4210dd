"""Live curves never stop a training, never lose a step and never double one."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from threading import Event, Thread

import pytest
from mlflow import MlflowClient

from radloop.errors import ServiceUnavailable
from radloop.registry import Registry, follow, names
from radloop.registry.follow import Follower

from .conftest import LINKS, Workspace, lines, row


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Follower.follow, "__defaults__", (0.02,))


def _until(true: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def _steps(client: MlflowClient, run_id: str, curve: str = "train/loss") -> list[int]:
    return [point.step for point in client.get_metric_history(run_id, curve)]


def _run_ids(client: MlflowClient) -> list[str]:
    home = client.get_experiment_by_name("chest_pneumonia")
    return [run.info.run_id for run in client.search_runs([home.experiment_id])] if home else []


def _append(workspace: Workspace, text: str) -> None:
    workspace.live.parent.mkdir(parents=True, exist_ok=True)
    with workspace.live.open("a") as stream:
        stream.write(text)


def test_curves_and_the_machines_figures_appear_while_the_training_runs(
    registry: Registry, workspace: Workspace
) -> None:
    client = registry._client
    with registry.following(workspace.case, workspace.folder, LINKS) as follower:
        _append(workspace, lines(1, 2))
        _until(lambda: follower.run_id and _steps(client, follower.run_id) == [10, 20])
        run = client.get_run(follower.run_id)
        assert run.info.status == "RUNNING"
        assert run.data.params["train.epochs"] == str(workspace.case.train.epochs)
        _append(workspace, lines(3)[:-20])
        _append(workspace, lines(3)[-20:])
        _until(lambda: _steps(client, follower.run_id) == [10, 20, 30])
        _until(lambda: "system/cpu_utilization_percentage" in client.get_run(follower.run_id).data.metrics)
    system = _steps(client, follower.run_id, "system/cpu_utilization_percentage")
    assert system == list(range(len(system)))


def test_the_finished_training_completes_the_run_that_was_followed(registry: Registry, workspace: Workspace) -> None:
    with registry.following(workspace.case, workspace.folder, LINKS) as follower:
        _append(workspace, lines(1, 2))
        _until(lambda: follower.run_id)
        shutil.rmtree(workspace.live.parent)
        workspace.train()
    logged = registry.log_training(workspace.case, workspace.folder, LINKS)
    assert logged.new and logged.run_id == follower.run_id
    assert _run_ids(registry._client) == [logged.run_id]
    assert _steps(registry._client, logged.run_id) == [10, 20, 30]
    assert registry._client.get_run(logged.run_id).info.status == "FINISHED"


def test_a_training_repeated_to_the_byte_is_linked_to_the_first(registry: Registry, workspace: Workspace) -> None:
    workspace.train()
    first = registry.log_training(workspace.case, workspace.folder, LINKS)
    with registry.following(workspace.case, workspace.folder, LINKS) as follower:
        _append(workspace, lines(1, 2, 3))
        _until(lambda: follower.run_id)
    assert registry.log_training(workspace.case, workspace.folder, LINKS).run_id == first.run_id
    repeated = registry._client.get_run(follower.run_id)
    assert repeated.info.status == "FINISHED" and repeated.data.tags[names.SAME_AS] == first.run_id


def test_a_training_that_is_skipped_makes_no_run(registry: Registry, workspace: Workspace) -> None:
    _append(workspace, lines(1, 2))  # left by a training that was killed
    with registry.following(workspace.case, workspace.folder, LINKS) as follower:
        time.sleep(0.2)
    assert follower.run_id is None and _run_ids(registry._client) == []


def test_a_resumed_training_continues_its_run_and_doubles_no_step(registry: Registry, workspace: Workspace) -> None:
    with registry.following(workspace.case, workspace.folder, LINKS) as killed:
        _append(workspace, lines(1, 2, 3))
        _until(lambda: killed.run_id and len(_steps(registry._client, killed.run_id)) == 3)
    again = Registry(registry.settings)
    with again.following(workspace.case, workspace.folder, LINKS) as resumed:
        slower = lines(2, 3, 4).replace('"seconds": 1.5', '"seconds": 2.5')  # after the checkpoint, once more
        workspace.live.write_text(lines(1) + slower)
        _until(lambda: resumed.run_id and 40 in _steps(again._client, resumed.run_id))
    assert resumed.run_id == killed.run_id
    for curve in ("train/loss", "train/seconds"):
        assert _steps(again._client, resumed.run_id, curve) == [10, 20, 30, 40]
    system = _steps(again._client, resumed.run_id, "system/cpu_utilization_percentage")
    assert system == list(range(len(system)))


def test_a_training_with_other_losses_is_another_run(registry: Registry, workspace: Workspace) -> None:
    with registry.following(workspace.case, workspace.folder, LINKS) as first:
        _append(workspace, lines(1))
        _until(lambda: first.run_id)
    with registry.following(workspace.case, workspace.folder, LINKS) as second:
        workspace.live.write_text(lines(1, seed=5))
        _until(lambda: second.run_id)
    assert second.run_id != first.run_id
    assert registry._client.get_run(first.run_id).info.status == "KILLED"


def test_mlflow_away_neither_stops_the_training_nor_loses_a_step(
    registry: Registry, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise ServiceUnavailable("MLflow does not answer")

    monkeypatch.setattr(follow, "PATIENCE", 0.1)
    with registry.following(workspace.case, workspace.folder, LINKS) as follower:
        with monkeypatch.context() as outage:
            outage.setattr(follow, "connect", away)
            _append(workspace, lines(1, 2))
            _until(lambda: "training goes on without live curves" in caplog.text)
        _append(workspace, lines(3))
        _until(lambda: follower.run_id and _steps(registry._client, follower.run_id) == [10, 20, 30])


def test_a_batch_whose_answer_was_lost_is_not_doubled(
    registry: Registry, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server took the batch, but the connection broke before it said so."""
    sent = MlflowClient.log_batch
    broken = []

    def breaks(self: MlflowClient, run_id: str, **given: object) -> None:
        sent(self, run_id, **given)
        if given.get("metrics") and not broken:
            broken.append(run_id)
            raise ConnectionError("broken pipe")

    monkeypatch.setattr(MlflowClient, "log_batch", breaks)
    with registry.following(workspace.case, workspace.folder, LINKS) as follower:
        _append(workspace, lines(1, 2))
        _until(lambda: broken)
        _append(workspace, lines(3))
        _until(lambda: follower.run_id and len(_steps(registry._client, follower.run_id)) >= 3)
    assert broken == [follower.run_id]
    assert _steps(registry._client, follower.run_id) == [10, 20, 30]


def test_a_store_that_stays_away_does_not_hold_the_end_up(
    registry: Registry, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise ServiceUnavailable("MLflow does not answer")

    monkeypatch.setattr(follow, "connect", away)
    began = time.monotonic()
    with registry.following(workspace.case, workspace.folder, LINKS) as follower:
        _append(workspace, lines(1))
    assert time.monotonic() - began < 2 and follower.run_id is None


def test_a_file_with_more_figures_than_one_call_holds_is_sent_in_parts(
    registry: Registry, workspace: Workspace
) -> None:
    from radloop.registry.curves import send_rows, sent_steps
    from radloop.registry.outputs import Outputs
    from radloop.registry.runs import open_run

    client, rows = registry._client, [row(epoch) for epoch in range(1, 301)]
    run_id = open_run(client, registry.settings, Outputs(workspace.folder, workspace.case), LINKS, rows)
    send_rows(client, run_id, rows, set())
    send_rows(client, run_id, rows, set(sent_steps(client, run_id)))
    assert len(sent_steps(client, run_id)) == 300
    assert len(_steps(client, run_id)) == 300


def test_stopping_is_heard_at_once(registry: Registry, workspace: Workspace) -> None:
    follower, stop = Follower(registry.settings, workspace.live, lambda rows: "never"), Event()
    thread = Thread(target=follower.follow, args=(stop, 60.0))
    thread.start()
    stop.set()
    thread.join(timeout=5)
    assert not thread.is_alive()
