"""The world away: a dead Prefect server, a dead MLflow server."""

from __future__ import annotations

import signal
from typing import Any

import psutil
import pytest

from radloop import services
from radloop.errors import ServiceUnavailable
from radloop.registry import Registry

from .conftest import CASE, House, until

pytestmark = [pytest.mark.server, pytest.mark.timeout(280)]


def kill(house: House, service: str) -> None:
    family = house.family(service)
    for process in family:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, timeout=10)
    until(lambda: service not in services.running(house.settings), 10, f"the death of {service}")


def test_a_dead_prefect_server_is_a_clear_error_that_says_how_to_bring_it_back(served: House) -> None:
    kill(served, "prefect")
    refused = served.radloop("run", "validate", CASE, check=False)
    assert refused.returncode == 5, refused.stderr
    assert "does not answer" in refused.stderr and "radloop up" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_dead_mlflow_server_is_named_with_the_next_step(house: House) -> None:
    if "mlflow" not in services.running(house.settings):
        house.radloop("up")
    remote: Any = house.settings.model_copy(update={"mlflow_uri": f"http://127.0.0.1:{house.ports[1]}"})
    assert Registry(remote).champion("nobody") is None
    kill(house, "mlflow")
    with pytest.raises(ServiceUnavailable, match="does not answer") as refusal:
        Registry(remote).champion("nobody")
    assert "make up" in refusal.value.next_step
