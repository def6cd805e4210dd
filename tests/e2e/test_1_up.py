"""`radloop up`: four services on loopback, well when it returns, with every deployment and automation once."""

from __future__ import annotations

from typing import Any

import httpx
import psutil
import pytest

from radloop import services
from radloop.running import FLOWS

pytestmark = [pytest.mark.server, pytest.mark.timeout(280)]


def test_up_returns_when_every_service_is_well(house: Any) -> None:
    said = house.radloop("up").stderr
    table = services.services(house.settings)
    assert services.running(house.settings) == ["prefect", "mlflow", "serving", "worker"]
    for service in table:
        assert f"{service.name} is up" in said
        if service.health:
            assert httpx.get(service.health, timeout=5).status_code == 200, service.name
            assert httpx.get(str(service.page), timeout=5).status_code == 200, service.name


def test_every_flow_is_deployed_under_its_name_and_every_automation_is_there_once(served: Any) -> None:
    served.radloop("register-deployments")
    flows = {flow["id"]: flow["name"] for flow in served.ask("flows/filter")}
    deployments = served.ask("deployments/filter")
    assert sorted(f"{flows[row['flow_id']]}/{row['name']}" for row in deployments) == sorted(f"{f}/{f}" for f in FLOWS)
    assert {row["work_pool_name"] for row in deployments} == {services.POOL}
    [schedule] = [schedule for row in deployments if row["name"] == "ingest" for schedule in row["schedules"]]
    assert (schedule["active"], schedule["parameters"]) == (False, {"source": "spool"})
    named = sorted(automation["name"] for automation in served.ask("automations/filter"))
    assert len(named) == 2 and named[0] == "End runs whose worker died" and "verdict asks for it" in named[1]


def test_nothing_listens_beyond_loopback(served: Any) -> None:
    heard = {
        connection.laddr.ip
        for name in services.running(served.settings)
        for process in served.family(name)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert heard == {"127.0.0.1"}


def test_a_service_without_a_champion_says_so_and_stays_up(served: Any) -> None:
    reply = httpx.post(f"{services.serving_url(served.settings)}/predict", content=b"no film", timeout=10)
    assert reply.status_code in (409, 422, 503)
    assert httpx.get(f"{services.serving_url(served.settings)}/healthz", timeout=5).json()["version"] in ("", None)
