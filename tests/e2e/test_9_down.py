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


def test_down_stops_everything_that_up_started_and_nobody_else(house: House) -> None:
    if not services.running(house.settings):
        house.radloop("up")
    bystander = subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "0"])
    try:
        up = services.running(house.settings)
        assert {"serving", "worker"} <= set(up)
        families = [process for name in up for process in house.family(name)]
        said = house.radloop("down").stderr
        assert [f"{name} is down" in said for name in up] == [True] * len(up)
        _, left = psutil.wait_procs(families, timeout=5)
        assert [process.name() for process in left if process.status() != psutil.STATUS_ZOMBIE] == []
        assert bystander.poll() is None
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{house.ports[0]}/api/health", timeout=2)
        assert services.running(house.settings) == []
    finally:
        bystander.kill()
        bystander.wait()
