"""One real installation: a checkout of the project as it is now, a folder of its own, free ports, real servers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psutil
import pydicom
import pytest

from radloop import services
from radloop.files import read_json
from radloop.settings import PROJECT, QUIET, Settings
from radloop.simulate.hospital import simulate
from radloop.simulate.knobs import Hospital
from radloop.workspace import Workspace

CASE = "chest_pneumonia"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, told apart by holding all of them at once."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait for something to be true, and give it back."""
    deadline = time.monotonic() + seconds
    while True:
        seen = true()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.2)


def checkout(folder: Path) -> Path:
    """A clone of the project with its uncommitted files, which nobody else edits while the tests run."""
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
    subprocess.run([*git, "clone", "--quiet", "--no-hardlinks", str(PROJECT), str(folder)], check=True)
    listed = subprocess.run(
        [*git, "ls-files", "-co", "--exclude-standard", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    wanted = {name for name in listed.split("\0") if name and (PROJECT / name).is_file()}
    for name in wanted:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((PROJECT / name).read_bytes())
    subprocess.run([*git, "add", "--all"], cwd=folder, check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "As it is now"], cwd=folder, check=True)
    return folder


@dataclass(frozen=True)
class House:
    """The installation: its checkout, its state, its servers, and how to talk to them."""

    project: Path
    home: Path
    ports: tuple[int, int, int]

    @cached_property
    def settings(self) -> Settings:
        prefect, mlflow, serving = self.ports
        return Settings(
            project=self.project, home=self.home, prefect_port=prefect, mlflow_port=mlflow, serving_port=serving
        )

    @cached_property
    def environment(self) -> dict[str, str]:
        """This process's environment without anybody's Prefect or radloop in it."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "RADLOOP_", "MLFLOW_"))}
        prefect, mlflow, serving = map(str, self.ports)
        return {
            **inherited, **QUIET,
            "RADLOOP_PROJECT": str(self.project), "RADLOOP_HOME": str(self.home), "RADLOOP_PREFECT_PORT": prefect,
            "RADLOOP_MLFLOW_PORT": mlflow, "RADLOOP_SERVING_PORT": serving, "RADLOOP_SERVING_POLL_SECONDS": "0.5",
            "RADLOOP_THREADS": "1", "RADLOOP_WORKERS": "2", "COLUMNS": "200",
            "PYTHONPATH": f"{self.project / 'src'}{os.pathsep}{self.project}",
        }  # fmt: skip

    def python(self, *arguments: str, check: bool = True, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the checkout, as a person's shell would."""
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.project, env={**self.environment, **extra}, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{arguments}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done

    def radloop(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the radloop command."""
        return self.python("-m", "radloop", *arguments, check=check)

    def prefect(self, *arguments: str) -> str:
        """Run the Prefect command, as a person who reads Prefect's documentation would."""
        return self.python("-m", "prefect", *arguments, PREFECT_API_URL=services.prefect_url(self.settings)).stdout

    def within(self, code: str, *arguments: str) -> Any:
        """Run code that knows the installation's Prefect server; what it prints last is JSON."""
        server = services.prefect_url(self.settings)
        return json.loads(self.python("-c", code, *arguments, PREFECT_API_URL=server).stdout.splitlines()[-1])

    def ask(self, path: str, **body: Any) -> Any:
        """Ask Prefect's API."""
        return (
            httpx.post(f"{services.prefect_url(self.settings)}/{path}", json=body, timeout=30).raise_for_status().json()
        )

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """All runs of a flow's deployment."""
        return list(self.ask("flow_runs/filter", deployments={"name": {"any_": [flow]}}))

    def pid(self, service: str) -> int:
        """The process id that `up` wrote down."""
        return int(read_json(self.home / "run" / f"{service}.json")["pid"])

    def family(self, service: str) -> list[psutil.Process]:
        """A service's process and all that came of it."""
        head = psutil.Process(self.pid(service))
        return [head, *head.children(recursive=True)]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The installation, with nothing running yet; whatever runs in the end is stopped."""
    folder = tmp_path_factory.mktemp("house")
    prefect, mlflow, serving = free_ports(3)
    made = House(checkout(folder / "project"), folder / "home", (prefect, mlflow, serving))
    yield made
    services.down(made.settings, lambda _: None)


@pytest.fixture
def served(house: House) -> House:
    """The installation with every service up."""
    if len(services.running(house.settings)) < len(services.services(house.settings)):
        house.radloop("up")
    return house


#: Knobs of an installation so small that its whole loop takes a minute or two; the gates are as wide as they go.
TINY = {
    "prepare.size": 64, "train.epochs": 6, "train.batch_size": 16, "train.patience": 50,
    "task.accepts.smallest_side": 64, "validate.smallest_side": 64, "validate.smallest_rows": 20,
    "split.largest_imbalance": 0.5, "evaluate.auroc_floor": 0.0, "evaluate.baseline_margin": -1.0,
    "evaluate.largest_calibration_error": 1.0, "evaluate.smallest_group": 5, "evaluate.svm_rows": 20,
    "evaluate.svm_side": 4, "evaluate.bootstrap": 1000, "monitor.smallest_window": 20,
    "register.approvals": 0,
}  # fmt: skip
TRAINING, MONTH, SEED = 140, 40, 3

LOOP = """
import json, sys
from datetime import date
from flows.deploy import deploy
from flows.infer import infer
from flows.monitor import monitor
case, month = sys.argv[1:]
version = deploy(case)
scored = infer(case, month)
report = monitor(case, date(2024, 7, 1), date(2024, 7, 31), 'July 2024')
pages = {name: str(getattr(report, name)) for name in ('summary', 'drift', 'bias', 'index', 'json')}
print(json.dumps({'run': version.run_id, 'version': version.version, 'bundle': version.bundle, 'pages': pages,
                  'scored': scored.scored, 'verdict': str(report.verdict), 'sentence': report.sentence}))
"""


@dataclass(frozen=True)
class Loop:
    """An installation after one round of the loop."""

    house: House
    films: tuple[Path, Path]
    told: dict[str, Any]
    trained: str  # what `prefect deployment run` printed


@pytest.fixture(scope="session")
def loop(house: House, tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """One round: ingest and train as deployments, then deploy, infer and monitor in one process."""
    folder = tmp_path_factory.mktemp("films")
    films = folder / "training", folder / "month"
    usual = Hospital(seed=SEED, image_size=128, prevalence=0.5, portable_if_ill=0.0)
    simulate(usual, TRAINING, films[0], workers=1)
    july = {"first_patient": 1_000_000, "first_day": date(2024, 7, 1), "last_day": date(2024, 7, 31)}
    simulate(replace(usual, **july), MONTH, films[1], workers=1)
    for place in films:
        make_it_easy(place)
    Workspace(house.settings).override({f"{CASE}.{knob}": value for knob, value in TINY.items()})
    house.radloop("up")
    house.radloop("run", "ingest", CASE, "-p", "source=dicom_folder", "-p", f"folder={films[0]}")
    trained = house.prefect("deployment", "run", "train/train", "-p", f"use_case={CASE}", "--watch")
    return Loop(house, films, house.within(LOOP, CASE, str(films[1])), trained)


def make_it_easy(folder: Path) -> None:
    """Lay fine stripes over the films with Pneumonia: a network sees them, a 4 x 4 thumbnail does not."""
    truth = pd.read_parquet(folder / "truth.parquet").set_index("file")
    for path in sorted(folder.glob("*.dcm")):
        film = pydicom.dcmread(path)
        if "Pneumonia" in truth.loc[path.name, "findings"]:
            pixels = film.pixel_array.astype(float)
            stripes = 0.12 * np.ptp(pixels) * np.sign(np.sin(np.arange(pixels.shape[1]) * 2 * np.pi / 16 + 0.1))
            film.PixelData = np.clip(pixels + stripes, 0, 4095).astype("<u2").tobytes()
            film.save_as(path, enforce_file_format=True)
