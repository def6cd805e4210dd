"""Compare a window of production with what the champion saw when it was judged, and give a verdict."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta

from prefect import flow

from flows.steps import outside, show, tell
from monitoring import MonitorReport, Window
from radloop.predictions import PredictionLog
from radloop.registry import Registry
from radloop.running import run_here
from radloop.settings import load_settings
from radloop.workspace import Workspace


@outside
def look(use_case: str, window: Window) -> MonitorReport:
    """Read both sides, ask every detector, decide, and write the pages."""
    from monitoring import monitor as compare

    settings = load_settings()
    registry, case = Registry(settings), Workspace(settings).case(use_case)
    version = registry.serving(use_case)
    rows = PredictionLog(settings.log).read_labelled(
        use_case, window.start, window.end, case.task.finding, model_version=version.version
    )
    return compare(case, window, rows, registry.reference(version), settings.reports / use_case, registry.about(version))


@outside
def note(use_case: str, window: Window, report: MonitorReport) -> None:
    """Write the verdict to the ledger and link the report with the model's run, both ways."""
    Registry(load_settings()).note_verdict(use_case, window.name, report.verdict, report.sentence, report.summary)


def last_month(today: date) -> tuple[date, date]:
    """The calendar month before today's."""
    last = today.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


@flow(name="monitor", persist_result=False)
def monitor(
    use_case: str = "chest_pneumonia", start: date | None = None, end: date | None = None, name: str | None = None
) -> MonitorReport:
    """Watch the days from `start` to `end`, both included (default: the last calendar month).

    Emits `radloop.verdict.<verdict>`, on which automations start a retrain.
    """
    first, last = last_month(datetime.now(UTC).date())
    window = Window(start or first, end or last, name or f"{start or first:%B %Y}")
    report = look(use_case, window)
    note(use_case, window, report)
    pages = {"summary": report.summary, "drift": report.drift, "bias": report.bias, "all reports": report.index}
    listed = " · ".join(f"[{title}]({path.as_uri()})" for title, path in pages.items())
    show("verdict", f"## {report.verdict}\n{report.sentence}\n\n{listed}")
    tell(f"radloop.verdict.{report.verdict}", use_case, {"window": window.name, "sentence": report.sentence})
    return report


if __name__ == "__main__":
    run_here(monitor, sys.argv[1:])
