"""Measuring: whole processes for jobs, paired turns for ratios, medians with the load beside them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from radloop.errors import RadloopError
from radloop.settings import quiet_environment

RUNS = 3


@dataclass(frozen=True)
class Measured:
    """One job: median wall seconds and highest resident memory in MiB of its largest process, over `runs`."""

    job: str
    what: str
    seconds: float
    memory: float
    runs: int
    load: float


@dataclass(frozen=True)
class Ratio:
    """Ours beside the plain way, in seconds; `equal` says how the outputs were found to be the same."""

    job: str
    ours: float
    plain: float
    equal: str
    runs: int
    load: float

    @property
    def ratio(self) -> float:
        """How many times the plain way's time ours takes."""
        return self.ours / self.plain


def run_measured(command: Sequence[str], folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Run a command; wall seconds and the peak memory (MiB) of its largest process.

    Raises RadloopError with its last lines where it fails.
    """
    began = time.perf_counter()
    log = folder / "bench.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=stream, stderr=stream)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RadloopError(f"{' '.join(command[-3:])} failed:\n{log.read_text()[-1500:]}", "run it by hand")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def measure(job: str, what: str, command: Sequence[str], folder: Path, runs: int = RUNS) -> Measured:
    """Time a command as a whole process, several times."""
    seen = [run_measured(command, folder, quiet_environment()) for _ in range(runs)]
    seconds, memory = (median(part) for part in zip(*seen, strict=True))
    return Measured(job, what, seconds, memory, runs, load())


def compare(job: str, ours: Callable[[], object], plain: Callable[[], object], equal: str, runs: int = 5) -> Ratio:
    """Time two ways in turns, after one warm-up of each, so that the machine's moods fall on both alike."""
    ours(), plain()
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(runs):
        for name, way in (("plain", plain), ("ours", ours)):
            began = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began)
    return Ratio(job, median(seconds["ours"]), median(seconds["plain"]), equal, runs, load())


def load() -> float:
    """The machine's load over the last minute."""
    return os.getloadavg()[0]
