"""`radloop down`: what `up` started is stopped, and only that."""

from __future__ import annotations

import subprocess
import sys

import httpx
import psutil
import pytest

from radloop import services

from .conftest import House

pytestmark = [pytest.mark.server, pytest.mark.timeout(280)]


def test_down_stops_everything_that_up_started_and_nobody_else(served: House) -> None:
    bystander = subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "0"])
    try:
        families = [process for name in services.running(served.settings) for process in served.family(name)]
        said = served.radloop("down").stderr
        assert [f"{name} is down" in said for name in ("worker", "serving", "mlflow", "prefect")] == [True] * 4
        _, left = psutil.wait_procs(families, timeout=5)
        assert [process.name() for process in left if process.status() != psutil.STATUS_ZOMBIE] == []
        assert bystander.poll() is None
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{served.ports[0]}/api/health", timeout=2)
        assert services.running(served.settings) == []
    finally:
        bystander.kill()
        bystander.wait()
