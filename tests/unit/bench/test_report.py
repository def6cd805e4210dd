"""Lines as they come, one table in the end, and a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.bench.clock import Measured, Ratio
from radloop.bench.report import job_rows, keep, ratio_rows, show_jobs, show_ratios, show_table
from radloop.files import read_json

JOBS = [
    Measured("simulate", "200 films of 512 px, 44/s", 4.5678, 321.4, 3, 1.25, "at least 40/s: met"),
    Measured("ingest", "600 films of 512 px", 9.0, 432.1, 3, 1.5),
]
RATIOS = [Ratio("train: one epoch", 1.1, 1.0, "losses at most 0.0001 apart", 5, 2.0, 1.05)]


def test_each_job_is_a_line_as_soon_as_it_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    def slowly():  # type: ignore[no-untyped-def]
        yield JOBS[0]
        assert "4.57 s" in capsys.readouterr().out
        yield JOBS[1]

    assert show_jobs(slowly()) == JOBS
    assert "9.00 s" in capsys.readouterr().out


def test_the_table_has_time_memory_runs_load_and_goal_of_every_job(capsys: pytest.CaptureFixture[str]) -> None:
    show_table("jobs", job_rows(JOBS))
    said = capsys.readouterr().out
    for column in ("job", "what", "seconds", "peak MiB", "runs", "load", "goal"):
        assert column in said
    row = next(line for line in said.splitlines() if "simulate" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["simulate", "200 films of 512 px, 44/s", "4.568", "321.400", "3", "1.250", "at least 40/s: met"]


def test_a_ratio_stands_beside_its_goal_and_what_was_equal(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_ratios(RATIOS) == RATIOS
    show_table("ratios", ratio_rows(RATIOS))
    lines, table = capsys.readouterr().out.split("ratios", 1)
    for said in (" ".join(lines.split()), table):
        assert "1.10" in said and "at most 1.05: missed" in said and "losses at most 0.0001 apart" in said


def test_rows_are_kept_with_the_moment(tmp_path: Path) -> None:
    kept = read_json(keep(tmp_path, "jobs", job_rows(JOBS)))
    assert kept["bench"] == "jobs" and kept["when"] and [row["job"] for row in kept["rows"]] == ["simulate", "ingest"]
