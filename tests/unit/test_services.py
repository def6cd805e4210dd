"""Starting and stopping servers, with two small ones in the place of the real ones."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from radloop import services
from radloop.errors import ServiceUnavailable
from radloop.files import read_json, write_json
from radloop.services import Service, down, require_health, running, up
from radloop.settings import PROJECT, Settings

REAL = services.services
WAIT = "import time; time.sleep(300)"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def site(port: int) -> Service:
    command = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
    return Service("prefect", command, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}/")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", project=tmp_path)


@pytest.fixture
def table(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Service]]:
    """A table of one server and one worker; whatever is left of them is ended."""
    rows = [site(free_port()), Service("worker", (sys.executable, "-c", WAIT), None, None)]
    monkeypatch.setattr(services, "services", lambda _: rows)
    monkeypatch.setattr(services, "register_deployments", lambda _: None)
    yield rows
    down(settings, lambda _: None)


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", WAIT])
    yield process
    process.kill()
    process.wait()


def pid_of(settings: Settings, name: str) -> int:
    return int(read_json(settings.root / "run" / f"{name}.json")["pid"])


def test_up_waits_for_health_and_down_stops_all_of_it(settings: Settings, table: list[Service]) -> None:
    said: list[str] = []
    up(settings, said.append)
    assert running(settings) == ["prefect", "worker"]
    assert services._answers(str(table[0].health))
    pids = [pid_of(settings, name) for name in running(settings)]
    down(settings, said.append)
    assert running(settings) == [] and not any(psutil.pid_exists(pid) and alive(pid) for pid in pids)
    assert said[-2:] == ["worker is down", "prefect is down"]


def alive(pid: int) -> bool:
    return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_up_again_starts_only_what_is_missing(settings: Settings, table: list[Service]) -> None:
    up(settings, lambda _: None)
    server, worker = pid_of(settings, "prefect"), pid_of(settings, "worker")
    psutil.Process(worker).send_signal(signal.SIGKILL)
    said: list[str] = []
    up(settings, said.append)
    assert pid_of(settings, "prefect") == server and pid_of(settings, "worker") != worker
    assert "prefect was up already" in said


def test_down_leaves_a_bystander_alone_and_ignores_the_note_of_a_recycled_pid(
    settings: Settings, table: list[Service], bystander: subprocess.Popen[bytes]
) -> None:
    write_json(settings.root / "run" / "worker.json", {"pid": bystander.pid, "started": time.time() - 86400})
    assert running(settings) == []
    down(settings, lambda _: None)
    assert bystander.poll() is None
    assert not (settings.root / "run" / "worker.json").exists()


def test_down_ends_what_a_service_has_started_too(settings: Settings, table: list[Service]) -> None:
    child = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {WAIT!r}]); time.sleep(300)"
    table[1] = Service("worker", (sys.executable, "-c", child), None, None)
    up(settings, lambda _: None)
    parent = psutil.Process(pid_of(settings, "worker"))
    deadline = time.monotonic() + 20
    while not parent.children() and time.monotonic() < deadline:
        time.sleep(0.05)
    grandchild = parent.children()[0]
    down(settings, lambda _: None)
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_a_service_that_dies_at_once_names_the_log_to_read(settings: Settings, table: list[Service]) -> None:
    table[0] = Service("prefect", (sys.executable, "-c", "raise SystemExit('no database')"), "p", "http://127.0.0.1:9/")
    with pytest.raises(ServiceUnavailable, match="prefect did not get well") as refusal:
        up(settings, lambda _: None)
    assert "run/prefect.log" in refusal.value.next_step
    assert "no database" in (settings.root / "run" / "prefect.log").read_text()


def test_a_port_that_somebody_else_answers_at_is_not_taken_for_ours(settings: Settings, table: list[Service]) -> None:
    stranger = subprocess.Popen(table[0].command, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not services._answers(str(table[0].health)) and time.monotonic() < deadline:
            time.sleep(0.1)
        with pytest.raises(ServiceUnavailable, match="something else answers") as refusal:
            up(settings, lambda _: None)
        assert "RADLOOP_PREFECT_PORT" in refusal.value.next_step
        down(settings, lambda _: None)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_receiver_is_up_where_a_setting_says_so_and_down_whatever_the_settings_say_then(
    settings: Settings, table: list[Service]
) -> None:
    assert "dicom" not in [service.name for service in REAL(settings)]
    wanted = settings.model_copy(update={"dicom_receive": True, "dicom_port": free_port(), "project": PROJECT})
    [receiver] = [service for service in REAL(wanted) if service.name == "dicom"]
    table[0] = receiver
    said: list[str] = []
    up(wanted, said.append)
    assert f"dicom is up: dicom://RADLOOP@127.0.0.1:{wanted.dicom_port}" in said
    require_health(wanted, "dicom")
    another = Settings(home=settings.root / "another", project=PROJECT, dicom_port=wanted.dicom_port)
    with pytest.raises(ServiceUnavailable, match="something else answers"):
        services._start(another, receiver, said.append)
    table.pop(0)
    down(settings, said.append)
    assert said[-1] == "dicom is down" and running(settings) == []
    assert "stopped: 0 instances" in (settings.root / "run" / "dicom.log").read_text()


def test_down_without_up_is_nothing(settings: Settings, table: list[Service]) -> None:
    said: list[str] = []
    down(settings, said.append)
    assert said == []
