"""Measuring: medians, whole processes, turns, and goals that are met or missed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from radloop.bench import clock
from radloop.bench.clock import Job, Ratio, compare, measure
from radloop.errors import RadloopError

JOB = Job("write", "a file", ("one_job",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bench's folder with a job that fails where its work is done already."""
    (tmp_path / "one_job.py").write_text(
        "import os, pathlib\n"
        "held = bytearray(b'1') * (60 << 20)\n"
        "pathlib.Path('made').mkdir()\n"
        "pathlib.Path('seen').write_text(os.environ['RADLOOP_HOME'])\n"
    )
    return tmp_path


def test_a_job_is_a_process_with_its_own_memory_and_its_state_in_the_benchs_folder(folder: Path) -> None:
    own = bytearray(b"1") * (120 << 20)  # what the bench holds is no part of what the job needs
    seen = measure(Job("write", "a file", ("one_job",), fresh=("made",)), folder, runs=2)
    assert (seen.job, seen.what, seen.runs, seen.goal) == ("write", "a file", 2, "")
    assert seen.seconds > 0 and 60 < seen.memory < 90 and seen.load >= 0
    assert (folder / "seen").read_text() == str(folder / "home") and len(own)


def test_what_the_run_before_left_is_removed_only_where_the_job_says_so(folder: Path) -> None:
    with pytest.raises(RadloopError, match="FileExistsError"):
        measure(JOB, folder, runs=2)


def test_a_job_that_fails_ends_the_bench_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(RadloopError, match="No module named no_such_job"):
        measure(Job("none", "", ("no_such_job",)), tmp_path, runs=1)


def test_seconds_and_memory_are_medians(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = iter([(9.0, 10.0), (1.0, 30.0), (2.0, 20.0)])
    monkeypatch.setattr(clock, "run_measured", lambda *_: next(runs))
    seen = measure(JOB, tmp_path)
    assert (seen.seconds, seen.memory, seen.runs) == (2.0, 20.0, 3)


@pytest.mark.parametrize(("seconds", "goal"), [(5.0, "at least 40/s: met"), (5.1, "at least 40/s: missed")])
def test_a_rate_is_told_with_its_goal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, goal: str
) -> None:
    monkeypatch.setattr(clock, "run_measured", lambda *_: (seconds, 1.0))
    seen = measure(Job("simulate", "200 films", ("x",), films=200, wanted=40), tmp_path, runs=1)
    assert seen.goal == goal and seen.what == f"200 films, {200 / seconds:.0f}/s"


def test_two_ways_are_warmed_up_and_timed_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    ticks = iter([0, 1, 10, 13, 20, 29, 30, 33, 40, 42, 50, 57])  # plain, ours, plain, ours, plain, ours
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    seen = compare("job", (lambda: called.append("ours"), lambda: called.append("plain")), "alike", turns=3)
    assert called == ["ours", "plain", *(["plain", "ours"] * 3)]
    assert (seen.ours, seen.plain, seen.ratio, seen.runs, seen.equal) == (3.0, 2.0, 1.5, 3, "alike")


@pytest.mark.parametrize(
    ("ours", "largest", "goal"),
    [(1.05, 1.05, "at most 1.05: met"), (1.06, 1.05, "at most 1.05: missed"), (9.0, None, "")],
)
def test_a_ratio_is_told_with_its_goal(ours: float, largest: float | None, goal: str) -> None:
    assert Ratio("train", ours, 1.0, "alike", 5, 0.0, largest).goal == goal
