"""Live curves: follow a training's metrics.jsonl and send it to MLflow while the training runs.

The file is the buffer. Where MLflow is away nothing is lost and nothing waits: the follower tries again, more
and more rarely, and whatever is still missing at the end is sent when the run is logged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from radloop.errors import RadloopError
from radloop.registry.connection import connect, reaching
from radloop.registry.curves import read_rows, send_rows, sent_steps
from radloop.registry.names import SYSTEM
from radloop.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

POLL = 1.0  # seconds between two looks at the file
PATIENCE = 30.0  # seconds at most between two tries to reach MLflow
SAMPLES = 10_000  # of the machine's own figures that wait for MLflow at most


class Follower:
    """One training being followed; `run_id` is set once MLflow has the run.

    `open_run` is called when the first line is seen, so that a training that DVC skips makes no run.
    """

    def __init__(self, settings: Settings, path: Path, open_run: Callable[[list[dict[str, Any]]], str]) -> None:
        self.settings = settings
        self.path = path
        self.run_id: str | None = None
        self._open_run = open_run
        self._sent: set[int] = set()
        self._stale = _state(path)  # a file that a killed training left, until somebody writes on it
        self._machine: Machine

    def follow(self, stop: Event, poll: float = POLL) -> None:
        """Send new lines until `stop` is set, and then once more; never raises because of MLflow."""
        from mlflow.exceptions import MlflowException

        self._machine = Machine()
        due, pause = 0.0, poll
        last = False
        while not last:
            last = stop.wait(poll)
            self._machine.sample()
            if time.monotonic() < due and not last:
                continue
            try:
                self.send()
                pause = poll
            except (RadloopError, MlflowException) as error:
                if pause == poll:  # an outage is told once
                    log.warning("training goes on without live curves: %s", error)
                pause = min(pause * 2, PATIENCE)
            due = time.monotonic() + (pause if pause > poll else 0.0)

    def send(self) -> None:
        """Send what MLflow has not yet.

        Raises ServiceUnavailable where it is away, ConfigurationError where the experiment was deleted.
        """
        rows = read_rows(self.path)
        if not rows or _state(self.path) == self._stale:
            return
        self._stale = None
        client = connect(self.settings)
        with reaching(self.settings):
            if self.run_id is None:
                run_id = self._open_run(rows)
                self._sent = set(sent_steps(client, run_id))
                self._machine.resume(client, run_id)
                self.run_id = run_id
            send_rows(client, self.run_id, rows, self._sent)
            self._machine.send(client, self.run_id)


class Machine:
    """The machine's own figures while a training runs, under the names that MLflow's pages look for."""

    def __init__(self) -> None:
        from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
        from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor

        self._monitors: list[Any] = [CPUMonitor(), DiskMonitor(), *_gpu()]
        self._step = 0
        self._waiting: list[tuple[int, dict[str, float]]] = []

    def sample(self) -> None:
        """Take one sample."""
        figures: dict[str, float] = {}
        for monitor in self._monitors:
            monitor.collect_metrics()
            figures |= monitor.aggregate_metrics()
            monitor.clear_metrics()
        self._waiting = [*self._waiting, (round(time.time() * 1000), figures)][-SAMPLES:]

    def resume(self, client: MlflowClient, run_id: str) -> None:
        """Number the samples on from those that the run has already."""
        metrics = client.get_run(run_id).data.metrics
        known = [name for name in metrics if name.startswith(SYSTEM)][:1]
        self._step = max((m.step + 1 for name in known for m in client.get_metric_history(run_id, name)), default=0)

    def send(self, client: MlflowClient, run_id: str) -> None:
        """Send the waiting samples."""
        from mlflow.entities import Metric

        metrics = [
            Metric(SYSTEM + name, float(value), timestamp, self._step + offset)
            for offset, (timestamp, figures) in enumerate(self._waiting)
            for name, value in figures.items()
        ]
        for start in range(0, len(metrics), 1000):
            client.log_batch(run_id, metrics=metrics[start : start + 1000])
        self._step += len(self._waiting)
        self._waiting = []


def _gpu() -> list[Any]:
    """MLflow's GPU monitor where there is a GPU and its library."""
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor

    with suppress(ImportError, RuntimeError):
        return [GPUMonitor()]
    return []


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except FileNotFoundError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns
