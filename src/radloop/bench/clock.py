"""Measuring: whole processes for jobs, paired turns for ratios, medians with the load beside them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from radloop.errors import RadloopError
from radloop.settings import quiet_environment

RUNS, TURNS = 3, 5


@dataclass(frozen=True)
class Job:
    """One job of the loop as a process of its own: `python -m` and `words`, in the bench's folder.

    `fresh` names what is removed before each run, or a second one would find its work done. `films` is how many it
    handles; `wanted` is how many a second it should.
    """

    name: str
    what: str
    words: tuple[str, ...]
    fresh: tuple[str, ...] = ()
    films: int = 0
    wanted: float = 0.0


@dataclass(frozen=True)
class Measured:
    """One job: median wall seconds and peak resident memory in MiB of its largest process, over `runs`."""

    job: str
    what: str
    seconds: float
    memory: float
    runs: int
    load: float
    goal: str = ""


@dataclass(frozen=True)
class Ratio:
    """Ours beside the plain way, in median seconds; `equal` says how the outputs were found to be the same."""

    job: str
    ours: float
    plain: float
    equal: str
    runs: int
    load: float
    largest: float | None = None

    @property
    def ratio(self) -> float:
        """How many times the plain way's time ours takes."""
        return self.ours / self.plain

    @property
    def goal(self) -> str:
        """The largest ratio that is wished for and whether it was kept; empty where none is."""
        return "" if self.largest is None else f"at most {self.largest:g}: {met(self.ratio <= self.largest)}"


def met(holds: bool) -> str:
    """The word for a goal that was met, or missed."""
    return "met" if holds else "missed"


#: Starts a command, waits for it, and tells exit code, wall seconds and peak memory in KiB. A child begins with the
#: peak of whoever started it, so this small process stands between the bench, which is large, and what it measures.
STARTER = """
import os, sys, time
told = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
began = time.perf_counter()
_, status, usage = os.wait4(os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)
print(os.waitstatus_to_exitcode(status), time.perf_counter() - began, usage.ru_maxrss, file=told)
"""


def run_measured(words: Sequence[str], folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Run `python -m` with `words`; wall seconds and the peak memory (MiB) of its largest process.

    Raises RadloopError with its last lines where it fails.
    """
    command = (sys.executable, "-I", "-S", "-c", STARTER, sys.executable, "-m", *words)
    log = folder / "bench.log"
    with log.open("wb") as stream:
        told = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=stream, check=True)
    code, seconds, memory = told.stdout.split()
    if int(code):
        raise RadloopError(f"{' '.join(words)} failed:\n{log.read_text()[-1500:]}", "run it by hand")
    return float(seconds), int(memory) / 1024


def measure(job: Job, folder: Path, runs: int = RUNS) -> Measured:
    """Time a job as a whole process, several times; its state lies in `folder`, never in the user's installation."""
    environment, seen = quiet_environment(RADLOOP_HOME=str(folder / "home")), []
    for _ in range(runs):
        for name in job.fresh:
            shutil.rmtree(folder / name, ignore_errors=True)
        seen.append(run_measured(job.words, folder, environment))
    seconds, memory = (median(part) for part in zip(*seen, strict=True))
    rate = job.films / seconds
    what = f"{job.what}, {rate:.0f}/s" if job.films else job.what
    goal = f"at least {job.wanted:g}/s: {met(rate >= job.wanted)}" if job.wanted else ""
    return Measured(job.name, what, seconds, memory, runs, load(), goal)


def compare(
    job: str,
    ways: tuple[Callable[[], object], Callable[[], object]],
    equal: str,
    turns: int = TURNS,
    largest: float | None = None,
) -> Ratio:
    """Time ours and the plain way in turns, after a warm-up of each, so that the machine's moods fall on both alike."""
    for way in ways:
        way()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(turns):
        for kept, way in reversed(list(zip(seconds, ways, strict=True))):
            began = time.perf_counter()
            way()
            kept.append(time.perf_counter() - began)
    ours, plain = map(median, seconds)
    return Ratio(job, ours, plain, equal, turns, load(), largest)


def load() -> float:
    """The machine's load over the last minute."""
    return os.getloadavg()[0]
