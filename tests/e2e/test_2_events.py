"""A verdict that asks for it starts one retrain, through a real server and worker."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from radloop import services

from .conftest import CASE, House, until

pytestmark = [pytest.mark.server, pytest.mark.timeout(280)]

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
TELL = """
import sys
from flows.steps import tell
tell(f'radloop.verdict.{sys.argv[1]}', sys.argv[2], {'window': 'July', 'sentence': 'half of the films are new'})
print('{}')
"""


def events(house: House, name: str) -> list[dict[str, Any]]:
    window = {"since": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"}
    return list(house.ask("events/filter", filter={"event": {"name": [name]}, "occurred": window})["events"])


def test_one_event_starts_one_retrain_with_the_use_case_and_the_event_as_parameters(served: House) -> None:
    before = len(served.runs("retrain"))
    served.within(TELL, "healthy", CASE)
    served.within(TELL, "retrain", CASE)
    [event] = until(lambda: events(served, "radloop.verdict.retrain"), 30, "the event")
    until(lambda: len(served.runs("retrain")) > before, 60, "the retrain")
    again = httpx.post(f"{services.prefect_url(served.settings)}/events", json=[event], timeout=30)  # the same id
    assert again.status_code < 300
    [run] = until(lambda: [r for r in served.runs("retrain") if r["state_type"] in ENDED], 150, "the retrain's end")
    time.sleep(3)  # long enough for a second one to be made
    assert len(served.runs("retrain")) == before + 1
    assert run["parameters"] == {"use_case": CASE, "event": event["id"]}
    assert run["state_type"] == "FAILED" and "needs 50 newly labelled studies and has 0" in run["state"]["message"]
    assert "radloop labels add" in run["state"]["message"]


def test_the_same_event_again_finds_its_retrain_in_the_ledger(served: House) -> None:
    [entry] = [e for e in ledger(served) if e.phase == "intent"]
    event = entry.body["event"]
    server = {"PREFECT_API_URL": services.prefect_url(served.settings)}
    again = served.python("-m", "flows.retrain", CASE, f"event={event}", check=False, **server)
    assert again.returncode == 4
    assert f"gate_closed: event {event} has had its retrain" in again.stderr


def ledger(house: House) -> list[Any]:
    from radloop.ledger import Ledger

    return Ledger(house.settings.ledger).entries("retrain")
