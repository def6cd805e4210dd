"""The tables that `radloop bench` prints, and the file that keeps them."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from radloop.bench.clock import Measured, Ratio
from radloop.files import write_json

WIDTH = 160


def show_jobs(jobs: Iterable[Measured]) -> list[Measured]:
    """Print each job as soon as it is measured."""
    console, seen = Console(), []
    for job in jobs:
        seen.append(job)
        console.print(
            f"{job.job:10} {job.seconds:8.2f} s {job.memory:7.0f} MiB  {job.what}  "
            f"(median of {job.runs}, load {job.load:.1f}){f'  {job.goal}' if job.goal else ''}"
        )
    return seen


def show_ratios(ratios: Iterable[Ratio]) -> list[Ratio]:
    """Print each ratio as soon as it is measured."""
    console, seen = Console(), []
    for one in ratios:
        seen.append(one)
        console.print(
            f"{one.job:20} ours {one.ours:7.3f} s, plain {one.plain:7.3f} s, ratio {one.ratio:5.2f}  "
            f"({one.equal}; medians of {one.runs} in turns, load {one.load:.1f}){f'  {one.goal}' if one.goal else ''}"
        )
    return seen


def job_rows(jobs: Iterable[Measured]) -> list[dict[str, Any]]:
    """Rows of the jobs' table."""
    return [
        {
            "job": one.job, "what": one.what, "seconds": one.seconds, "peak MiB": one.memory, "runs": one.runs,
            "load": one.load, "goal": one.goal,
        }
        for one in jobs
    ]  # fmt: skip


def ratio_rows(ratios: Iterable[Ratio]) -> list[dict[str, Any]]:
    """Rows of the ratios' table."""
    return [
        {
            "job": one.job, "ours, s": one.ours, "plain, s": one.plain, "ratio": one.ratio, "goal": one.goal,
            "equal": one.equal, "runs": one.runs, "load": one.load,
        }
        for one in ratios
    ]  # fmt: skip


def show_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as one table, as wide as a report and not as a pipe's 80 columns."""
    table = Table(*(rows[0] if rows else ()), title=title)
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    Console(width=WIDTH).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def keep(folder: Path, name: str, rows: Any) -> Path:
    """Keep a bench's rows with the machine and the moment."""
    now = datetime.now(UTC)
    path = folder / f"{name}-{now:%Y%m%dT%H%M%S}.json"
    write_json(path, {"bench": name, "when": now.isoformat(), "machine": platform.processor(), "rows": rows})
    return path
