"""The tables that `radloop bench` prints, and the file that keeps them."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from radloop.bench.clock import Measured, Ratio
from radloop.files import write_json


def show_jobs(jobs: Iterable[Measured]) -> list[dict[str, Any]]:
    """Print each job as soon as it is measured."""
    console, rows = Console(), []
    for job in jobs:
        rows.append(asdict(job))
        console.print(
            f"{job.job:10} {job.seconds:8.2f} s {job.memory:7.0f} MiB  {job.what}  "
            f"(median of {job.runs}, load {job.load:.1f})"
        )
    return rows


def show_ratios(ratios: Iterable[Ratio]) -> list[dict[str, Any]]:
    """Print each ratio as soon as it is measured."""
    console, rows = Console(), []
    for one in ratios:
        rows.append({**asdict(one), "ratio": one.ratio})
        console.print(
            f"{one.job:20} ours {one.ours:7.3f} s, plain {one.plain:7.3f} s, ratio {one.ratio:5.2f}  "
            f"({one.equal}; medians of {one.runs} in turns, load {one.load:.1f})"
        )
    return rows


def show_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as one table."""
    table = Table(*(rows[0] if rows else ()), title=title)
    for row in rows:
        table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console().print(table)


def keep(folder: Path, name: str, rows: Any) -> Path:
    """Keep a bench's rows with the machine and the moment."""
    now = datetime.now(UTC)
    path = folder / f"{name}-{now:%Y%m%dT%H%M%S}.json"
    write_json(path, {"bench": name, "when": now.isoformat(), "machine": platform.processor(), "rows": rows})
    return path
