"""`radloop up` and `radloop down`: the servers of one installation, on loopback, by their own process ids."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from radloop.errors import RadloopError, ServiceUnavailable
from radloop.files import read_json, write_json
from radloop.settings import Settings, orchestration, quiet_environment

HOST = "127.0.0.1"
POOL = "radloop"


@dataclass(frozen=True)
class Service:
    """One server: how it starts, the address that answers when it is well (None for a worker), what it waits for.

    An address of DICOM is asked by C-ECHO.
    """

    name: str
    command: tuple[str, ...]
    page: str | None
    health: str | None
    needs: tuple[str, ...] = ()


def prefect_url(settings: Settings) -> str:
    """Address of the installation's Prefect API."""
    return settings.prefect_url or f"http://{HOST}:{settings.prefect_port}/api"


def serving_url(settings: Settings) -> str:
    """Address of the installation's prediction service."""
    return (settings.serving_url or "").rstrip("/") or f"http://{HOST}:{settings.serving_port}"


def environment(settings: Settings) -> dict[str, str]:
    """What a child process needs to find this installation's servers."""
    return quiet_environment(**orchestration(settings), PREFECT_API_URL=prefect_url(settings))


def services(settings: Settings) -> list[Service]:
    """The table of services, in the order in which they start; the DICOM receiver only where a setting asks for it."""
    python, prefect, mlflow = sys.executable, settings.prefect_port, settings.mlflow_port
    store = settings.root / "mlflow"
    receiver = [_receiver(settings)] if settings.dicom_receive else []
    return [
        Service(
            "prefect",
            (python, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(prefect)),
            f"http://{HOST}:{prefect}",
            f"http://{HOST}:{prefect}/api/health",
        ),
        Service(
            "mlflow",
            (python, "-m", "mlflow", "server", "--host", HOST, "--port", str(mlflow), "--workers", "1",
             "--backend-store-uri", f"sqlite:///{store / 'mlflow.db'}",
             "--default-artifact-root", (store / "artifacts").as_uri(), "--no-serve-artifacts"),
            f"http://{HOST}:{mlflow}",
            f"http://{HOST}:{mlflow}/health",
        ),
        Service(
            "serving",
            (python, "-m", "radloop", "serve", "--host", HOST, "--port", str(settings.serving_port)),
            f"http://{HOST}:{settings.serving_port}/docs",
            f"http://{HOST}:{settings.serving_port}/healthz",
            needs=("mlflow",),  # two processes that make the tables of a new sqlite at once break it
        ),
        *receiver,
        Service("worker", (python, "-m", "prefect", "worker", "start", "--pool", POOL, "--limit", "1"), None, None),
    ]  # fmt: skip


def _receiver(settings: Settings) -> Service:
    host, port, title = settings.dicom_host, str(settings.dicom_port), settings.dicom_ae_title
    command = (sys.executable, "-m", "radloop", "receive", "--host", host, "--port", port, "--ae-title", title)
    address = f"dicom{'s' * settings.dicom_tls}://{title}@{host}:{port}"
    return Service("dicom", command, address, address)


def up(settings: Settings, say: Callable[[str], None]) -> list[Service]:
    """Start what is not running, wait for its health, and register the deployments.

    Raises ServiceUnavailable, naming the log to read, where a service does not get well in three minutes.
    """
    (settings.root / "mlflow" / "artifacts").mkdir(parents=True, exist_ok=True)
    table = services(settings)
    for service in table[:-1]:
        for needed in (row for row in table if row.name in service.needs):
            _wait(settings, needed, 180)
        _start(settings, service, say)
    _wait(settings, table[0], 180)
    register_deployments(settings)  # while the others wake up
    for service in table[:-1]:
        _wait(settings, service, 180)
        say(f"{service.name} is up: {service.page}")
    _start(settings, table[-1], say)
    say(f"worker is up: pool {POOL}")
    return table


def _start(settings: Settings, service: Service, say: Callable[[str], None]) -> None:
    if _alive(settings, service.name):
        say(f"{service.name} was up already")
        return
    if service.health and _well(settings, service.health):
        raise ServiceUnavailable(
            f"something else answers at {service.page}", f"stop it or set RADLOOP_{service.name.upper()}_PORT"
        )
    log = settings.root / "run" / f"{service.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        process = subprocess.Popen(
            service.command, cwd=settings.project, env=environment(settings),
            stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True,
        )  # fmt: skip
    started = psutil.Process(process.pid).create_time()
    write_json(_note(settings, service.name), {"pid": process.pid, "started": started})


def _wait(settings: Settings, service: Service, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while service.health and not _well(settings, service.health):
        if time.monotonic() > deadline or not _alive(settings, service.name):
            raise ServiceUnavailable(
                f"{service.name} did not get well", f"read {settings.root.name}/run/{service.name}.log"
            )
        time.sleep(0.5)


def require_health(settings: Settings, name: str) -> None:
    """Go on only where a service answers.

    Raises ServiceUnavailable, saying how to bring it back.
    """
    service = next(service for service in services(settings) if service.name == name)
    if service.health and not _well(settings, service.health):
        raise ServiceUnavailable(
            f"{name} at {service.page} does not answer", "radloop up (it starts what is missing), then try again"
        )


def _well(settings: Settings, health: str) -> bool:
    return _echoes(settings) if health.startswith("dicom") else _answers(health)


def _echoes(settings: Settings) -> bool:
    from radloop.sources.association import echo_own  # brings pynetdicom, which few commands need

    try:
        echo_own(settings)
    except RadloopError:
        return False
    return True


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code < 500
    except httpx.HTTPError:
        return False


def _note(settings: Settings, name: str) -> Path:
    return settings.root / "run" / f"{name}.json"


def _alive(settings: Settings, name: str) -> psutil.Process | None:
    """The process that we started under this name; a recycled pid is somebody else's."""
    note = _note(settings, name)
    if not note.exists():
        return None
    known = read_json(note)
    try:
        process = psutil.Process(known["pid"])
    except psutil.NoSuchProcess:
        return None
    same = abs(process.create_time() - known["started"]) < 1 and process.status() != psutil.STATUS_ZOMBIE
    return process if same else None


def running(settings: Settings) -> list[str]:
    """Names of this installation's services that are alive, as they were started.

    What is known of them is what `up` wrote down, for the settings may have changed since.
    """
    return [name for name in _noted(settings) if _alive(settings, name)]


def _noted(settings: Settings) -> list[str]:
    notes = (settings.root / "run").glob("*.json")
    return [note.stem for note in sorted(notes, key=lambda note: float(read_json(note)["started"]))]


def down(settings: Settings, say: Callable[[str], None]) -> None:
    """Stop what `up` started, and only that, the last one first."""
    for name in reversed(_noted(settings)):
        process = _alive(settings, name)
        if process is not None:
            _stop(process)
            say(f"{name} is down")
        _note(settings, name).unlink(missing_ok=True)


def _stop(process: psutil.Process) -> None:
    family = [process, *process.children(recursive=True)]
    for member in family:
        _signal(member, signal.SIGTERM)
    _, left = psutil.wait_procs(family, timeout=15)
    for member in left:
        _signal(member, signal.SIGKILL)


def _signal(process: psutil.Process, which: signal.Signals) -> None:
    try:
        process.send_signal(which)
    except psutil.NoSuchProcess:
        return


def prefect(settings: Settings, *arguments: str) -> str:
    """Run the Prefect command line against this installation's server.

    Raises ServiceUnavailable with its last words.
    """
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *arguments],
        cwd=settings.project, env=environment(settings), text=True, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ServiceUnavailable(
            f"prefect {arguments[0]} failed: {(done.stdout + done.stderr)[-800:]}", "read the lines"
        )
    return done.stdout


def register_deployments(settings: Settings) -> None:
    """Make the work pool, the deployments of prefect.yaml and the automations, as often as wanted.

    Raises ServiceUnavailable where the server refuses or is away.
    """
    prefect(settings, "work-pool", "create", POOL, "--type", "process", "--overwrite")
    prefect(settings, "--no-prompt", "deploy", "--all")
    wanted = yaml.safe_load((settings.project / "infra" / "automations.yaml").read_text())["automations"]
    try:
        for automation in wanted:
            _automate(f"{prefect_url(settings)}/automations", automation)
    except httpx.HTTPError as error:
        raise ServiceUnavailable(f"Prefect took no automation: {error}", "read run/prefect.log") from error


def _automate(url: str, automation: dict[str, Any]) -> None:
    """Make an automation, or bring the one of its name up to date."""
    with httpx.Client(timeout=30, trust_env=False) as client:
        known = client.post(f"{url}/filter", json={}).raise_for_status().json()
        same = [row["id"] for row in known if row["name"] == automation["name"]]
        reply = client.put(f"{url}/{same[0]}", json=automation) if same else client.post(f"{url}/", json=automation)
        reply.raise_for_status()
