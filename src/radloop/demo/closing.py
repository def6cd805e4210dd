"""The closing table: every figure of the story, and where to look."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from radloop.demo.cast import Cast
from radloop.errors import GateClosed
from radloop.files import read_json
from radloop.memory import PeakMemory
from radloop.registry import ModelVersion
from radloop.settings import Settings
from radloop.workspace import Workspace

MEMORY = 4096.0  # MiB that the whole story may hold at a time


@dataclass
class Chapter:
    """One step of the story: what came of it and how long it took, in seconds."""

    name: str
    seen: Any = None
    seconds: float = 0.0


@dataclass
class Told:
    """The story as far as it has been told; `began` is on the monotonic clock, `memory` watches all its processes."""

    began: float
    memory: PeakMemory
    chapters: dict[str, Chapter] = field(default_factory=dict)

    @contextmanager
    def chapter(self, name: str) -> Iterator[Chapter]:
        """Time one step."""
        chapter, began = Chapter(name), time.monotonic()
        yield chapter
        chapter.seconds = time.monotonic() - began
        self.chapters[name] = chapter


@dataclass(frozen=True)
class Retrained:
    """What came of the retrain: the newest candidate there is, and the refusal where one stopped it."""

    candidate: ModelVersion
    refusal: GateClosed | None = None

    def learnt(self, first: ModelVersion) -> bool:
        """True where a newer model was trained on other data, even if a gate then kept it from serving."""
        return self.candidate.version > first.version and self.candidate.dataset_md5 != first.dataset_md5

    def sentence(self, first: ModelVersion) -> str:
        """What to tell of it."""
        if not self.learnt(first):
            return f"nothing was trained: {self.refusal or 'the snapshot is the same'}"
        name = f"{self.candidate.name}, learnt from snapshot {self.candidate.dataset_md5}"
        return f"{name}, does not serve: {self.refusal}" if self.refusal else f"{name}, is champion"


def closing_table(told: Told, cast: Cast, settings: Settings, use_case: str) -> int:
    """Print every figure and where to look; 0 where nothing of the story was unexpected."""
    from rich.console import Console
    from rich.table import Table

    table = Table("chapter", "seconds", "what came of it", title=f"{use_case} · {cast.note}", show_lines=False)
    lines, seconds = _lines(told, cast, settings, use_case), time.monotonic() - told.began
    for chapter in told.chapters.values():
        table.add_row(chapter.name, f"{chapter.seconds:.1f}", lines.get(chapter.name, ""))
    table.add_section()
    table.add_row("all", f"{seconds:.1f}", f"peak memory {told.memory.mib:.0f} MiB over all processes")
    table.add_row("goals", "", goals(seconds, told.memory.mib, cast.goal))
    console = Console(width=140)
    console.print(table)
    for line in _where(settings, use_case):
        console.print(line, soft_wrap=True)
    wrong = unexpected(told, cast)
    for line in wrong:
        console.print(f"[red]unexpected[/red]: {line}", soft_wrap=True)
    return 1 if wrong else 0


def goals(seconds: float, mib: float, goal: float) -> str:
    """Whether time and memory are as wished; a busy machine is no failure of the story, so this is told only."""
    verdicts = ("missed", "met")
    return f"at most {goal:.0f} s: {verdicts[seconds <= goal]}; at most {MEMORY:.0f} MiB: {verdicts[mib <= MEMORY]}"


def unexpected(told: Told, cast: Cast) -> list[str]:
    """What should not have come: a verdict that no month asked for, or a retrain that ended before it had learnt.

    A model that learnt and was then honestly refused is no surprise.
    """
    found = []
    for month in cast.months:
        verdict = str(told.chapters[f"monitor {month.name}"].seen.verdict)
        if verdict not in month.expected:
            found.append(f"{month.name} is {verdict}, expected {' or '.join(month.expected)}")
    first, retrained = told.chapters["train"].seen, told.chapters["retrain"].seen
    if not retrained.learnt(first):
        found.append(f"labels came and the retrain did not run: {retrained.sentence(first)}")
    return found


def _lines(told: Told, cast: Cast, settings: Settings, use_case: str) -> dict[str, str]:
    place, seen = Workspace(settings), {name: chapter.seen for name, chapter in told.chapters.items()}
    lines = {
        "cast": f"{cast.training.name} and {len(cast.months)} months of studies",
        "ingest": f"snapshot {seen['ingest'].md5} in commit {seen['ingest'].commit[:12]}",
        "train": f"{seen['train'].name}, bundle {seen['train'].bundle[:12]}, {_judged(seen['train'], settings)}",
        "deploy": f"{seen['deploy'].name} is champion; approvals asked for: {_approvals(place, use_case)}",
        "retrain": seen["retrain"].sentence(seen["train"]),
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
    usual = place.project_case(use_case).register_.approvals
    return f"{asked}, for this is a demonstration; params.yaml asks for {usual}" if asked == 0 else str(asked)


def _where(settings: Settings, use_case: str) -> list[str]:
    place = Workspace(settings)
    evaluate = place.stage(use_case, "evaluate")
    gate = read_json(evaluate / "gate.json")
    return [
        f"gate: {'open' if gate['open'] else 'closed'}; "
        + "; ".join(f"{check['name']} {check['seen']}" for check in gate["checks"]),
        f"all monitoring reports: {settings.reports / 'index.html'}",
        f"evaluation: {evaluate / 'report.html'}",
        f"Data Docs of every snapshot: {settings.reports / use_case / 'data_docs'}",
        f"Prefect, MLflow and the prediction service of this installation: RADLOOP_NAME={settings.name} radloop up",
    ]
