"""The closing table: every figure of the story, and where to look."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from radloop.demo.cast import Cast
from radloop.files import read_json
from radloop.settings import Settings
from radloop.workspace import Workspace


@dataclass
class Chapter:
    """One step of the story: what came of it and how long it took, in seconds."""

    name: str
    seen: Any = None
    seconds: float = 0.0


@dataclass
class Told:
    """The story as far as it has been told; `began` is on the monotonic clock."""

    began: float
    chapters: dict[str, Chapter] = field(default_factory=dict)

    @contextmanager
    def chapter(self, name: str) -> Iterator[Chapter]:
        """Time one step."""
        chapter, began = Chapter(name), time.monotonic()
        yield chapter
        chapter.seconds = time.monotonic() - began
        self.chapters[name] = chapter


def closing_table(told: Told, cast: Cast, settings: Settings, use_case: str) -> int:
    """Print every figure and where to look; 0 where each month's verdict is among those that were to be expected."""
    from rich.console import Console
    from rich.table import Table

    table = Table("chapter", "seconds", "what came of it", title=f"{use_case} · {cast.note}", show_lines=False)
    lines = _lines(told, cast, settings, use_case)
    for chapter in told.chapters.values():
        table.add_row(chapter.name, f"{chapter.seconds:.1f}", lines.get(chapter.name, ""))
    table.add_section()
    table.add_row("all", f"{time.monotonic() - told.began:.1f}", "")
    console = Console(width=140)
    console.print(table)
    for line in _where(settings, use_case):
        console.print(line, soft_wrap=True)
    wrong = [month for month in cast.months if str(_verdict(told, month.name)) not in month.expected]
    for month in wrong:
        console.print(f"[red]unexpected[/red]: {month.name} is {_verdict(told, month.name)}, expected {month.expected}")
    return 1 if wrong else 0


def _lines(told: Told, cast: Cast, settings: Settings, use_case: str) -> dict[str, str]:
    place, seen = Workspace(settings), {name: chapter.seen for name, chapter in told.chapters.items()}
    lines = {
        "cast": f"{cast.training.name} and {len(cast.months)} months of studies",
        "ingest": f"snapshot {seen['ingest'].md5} in commit {seen['ingest'].commit[:12]}",
        "train": f"{seen['train'].name}, bundle {seen['train'].bundle[:12]}, {_judged(seen['train'], settings)}",
        "deploy": f"{seen['deploy'].name} is champion; approvals asked for: {_approvals(place, use_case)}",
        "retrain": _retrained(seen["retrain"]),
    }
    for month in cast.months:
        report = seen[f"monitor {month.name}"]
        lines[f"monitor {month.name}"] = f"[bold]{report.verdict}[/bold]: {report.sentence} (planted: {month.planted})"
        if month.labels_come:
            lines[f"labels of {month.name}"] = f"{seen[f'labels of {month.name}'].added} labels"
    return lines


def _judged(version: Any, settings: Settings) -> str:
    from radloop.ledger import count_test_uses
    from radloop.registry import Registry

    registry = Registry(settings)
    seen, uses = registry.figures(version.run_id), count_test_uses(registry.ledger, version.test_set_sha256)
    interval = f"{seen['test/auroc']:.3f} ({seen['test/auroc_low']:.3f} to {seen['test/auroc_high']:.3f})"
    return f"test AUROC {interval}, test set used for {uses} model{'s' if uses != 1 else ''}"


def _approvals(place: Workspace, use_case: str) -> str:
    asked = place.case(use_case).register_.approvals
    return f"{asked} (a demonstration)" if asked == 0 else str(asked)


def _retrained(seen: Any) -> str:
    return f"{seen.name} is champion" if hasattr(seen, "bundle") else f"refused: {seen}"


def _verdict(told: Told, month: str) -> Any:
    return told.chapters[f"monitor {month}"].seen.verdict


def _where(settings: Settings, use_case: str) -> list[str]:
    place = Workspace(settings)
    evaluate = place.stage(use_case, "evaluate")
    gate = read_json(evaluate / "gate.json")
    return [
        f"gate: {'open' if gate['open'] else 'closed'}; "
        + "; ".join(f"{check['name']} {check['seen']}" for check in gate["checks"]),
        f"all monitoring reports: {settings.reports / 'index.html'}",
        f"evaluation: {evaluate / 'report.html'}",
        f"Data Docs: {place.stage(use_case, 'validate') / 'data_docs' / 'index.html'}",
        f"Prefect, MLflow and the prediction service of this installation: RADLOOP_NAME={settings.name} radloop up",
    ]
