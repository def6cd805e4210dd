"""A worker that dies with its run: the server ends the run, for nobody else will."""

from __future__ import annotations

import signal
import time

import pytest

from radloop import services

from .conftest import CASE, House, until

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(400)]


def test_the_run_of_a_killed_worker_is_ended_as_crashed(served: House) -> None:
    before = {run["id"] for run in served.runs("ingest")}
    served.radloop("run", "ingest", CASE, "-p", "source=simulated", "--no-watch")

    def run() -> dict[str, str]:
        return next((dict(r) for r in served.runs("ingest") if r["id"] not in before), {"state_type": "", "id": ""})

    until(lambda: run()["state_type"] == "RUNNING", 90, "a running ingest")
    until(lambda: heartbeats(served, run()["id"]), 60, "its first heartbeat")
    for process in served.family("worker"):
        process.send_signal(signal.SIGKILL)
    died = time.monotonic()
    until(lambda: "worker" not in services.running(served.settings), 10, "the death of the worker")
    assert run()["state_type"] == "RUNNING", "it ended before it was killed"
    until(lambda: run()["state_type"] != "RUNNING", 200, "the end of the run")
    ended = run()
    assert ended["state_type"] == "CRASHED"
    assert 60 <= time.monotonic() - died <= 180
    served.radloop("up")
    assert "worker" in services.running(served.settings)


def heartbeats(house: House, run_id: str) -> int:
    window = {"since": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"}
    wanted = {
        "event": {"name": ["prefect.flow-run.heartbeat"]}, "occurred": window,
        "resource": {"id": [f"prefect.flow-run.{run_id}"]},
    }  # fmt: skip
    return int(house.ask("events/filter", filter=wanted)["total"])
