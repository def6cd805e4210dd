"""The same through a real MLflow server, which is killed while a training is being followed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from radloop.errors import ServiceUnavailable
from radloop.registry import Registry, follow
from radloop.registry.follow import Follower
from radloop.settings import Settings, quiet_environment

from .conftest import LINKS, Workspace, lines

pytestmark = [pytest.mark.server, pytest.mark.timeout(280)]


class Server:
    """An MLflow server that can be killed and started again on its port; artifacts go through it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{self.folder / 'mlflow.db'}",
            "--artifacts-destination", str(self.folder / "artifacts"),
        ]  # fmt: skip
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=quiet_environment(), stdout=log, stderr=log, start_new_session=True
            )
        until(self.answers, 120)

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def answers(self) -> bool:
        try:
            return urllib.request.urlopen(f"{self.url}/health", timeout=2).status == 200
        except OSError:
            return False


def until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("mlflow"))
    started.start()
    yield started
    started.kill()


@pytest.fixture
def remote(server: Server, tmp_path: Path) -> Registry:
    return Registry(Settings(home=tmp_path / "home", mlflow_uri=server.url))


def test_the_whole_way_of_a_model_works_through_a_server(remote: Registry, workspace: Workspace) -> None:
    workspace.train()
    run = remote.log_training(workspace.case, workspace.folder, LINKS)
    assert not remote.log_training(workspace.case, workspace.folder, LINKS).new
    version = remote.register(workspace.case, workspace.folder, run.run_id)
    assert version.aliases == ("candidate",)
    remote.promote(workspace.case, version.version, "Ada", "the first one")
    assert remote.champion("chest_pneumonia").bundle == version.bundle
    folder = remote.bundle_path("chest_pneumonia", "champion")
    assert (folder / "model.onnx").read_bytes() == (workspace.out / "package/bundle/model.onnx").read_bytes()
    page = urllib.request.urlopen(remote.page(run.run_id).split("#")[0], timeout=10)
    assert page.status == 200 and remote.page(run.run_id).startswith(remote.settings.tracking_uri)
    assert remote.rollback("chest_pneumonia", "Ada", "only a test") is None
    assert remote.ledger.verify().intact


def test_a_server_killed_in_the_middle_stops_no_training_and_loses_no_step(
    remote: Registry, workspace: Workspace, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Follower.follow, "__defaults__", (0.1,))
    monkeypatch.setattr(follow, "PATIENCE", 1.0)
    workspace.live.parent.mkdir(parents=True)

    def steps(follower: Follower) -> list[int]:
        history = remote._client.get_metric_history(follower.run_id, "train/loss")
        return [point.step for point in history]

    with remote.following(workspace.case, workspace.folder, LINKS) as follower:
        workspace.live.write_text(lines(1, 2, seed=1))
        until(lambda: follower.run_id and steps(follower) == [10, 20])
        server.kill()
        workspace.live.write_text(lines(1, 2, 3, 4, seed=1))
        with pytest.raises(ServiceUnavailable, match="does not answer"):
            remote.champion("chest_pneumonia")
        time.sleep(1)
        server.start()
        workspace.live.write_text(lines(1, 2, 3, 4, 5, seed=1))
        until(lambda: steps(follower) == [10, 20, 30, 40, 50])
    workspace.train(seed=1, epochs=5)
    assert remote.log_training(workspace.case, workspace.folder, LINKS).run_id == follower.run_id
    assert steps(follower) == [10, 20, 30, 40, 50]


def test_a_training_finished_while_the_server_is_away_is_logged_when_it_is_back(
    remote: Registry, workspace: Workspace, server: Server
) -> None:
    server.kill()
    workspace.live.parent.mkdir(parents=True)
    began = time.monotonic()
    with remote.following(workspace.case, workspace.folder, LINKS):
        workspace.live.write_text(lines(1, 2, 3, seed=7))
    workspace.train(seed=7)
    assert time.monotonic() - began < 30
    with pytest.raises(ServiceUnavailable):
        remote.log_training(workspace.case, workspace.folder, LINKS)
    server.start()
    logged = Registry(remote.settings).log_training(workspace.case, workspace.folder, LINKS)
    history = remote._client.get_metric_history(logged.run_id, "train/loss")
    assert logged.new and [point.step for point in history] == [10, 20, 30]
