"""Compare a window of production with what the champion saw when it was judged, and give a verdict."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any

from prefect import flow

from flows.steps import links, outside, show, tell
from monitoring import MonitorReport, Window
from radloop.predictions import PredictionLog
from radloop.references import load_reference
from radloop.registry import ModelVersion, Registry
from radloop.registry.names import DATA_DOCS, DVC_COMMIT, FLOW_URL, MONITOR_REPORT
from radloop.running import run_here
from radloop.serving.champions import serving_version
from radloop.settings import Settings, load_settings
from radloop.workspace import Workspace


@outside
def look(use_case: str, window: Window) -> MonitorReport:
    """Read both sides, ask every detector, decide, and write the pages."""
    from monitoring import monitor as compare

    settings = load_settings()
    case, version = Workspace(settings).classification(use_case), serving_version(Registry(settings), use_case)
    reference = load_reference(settings.references, version.bundle)
    rows = PredictionLog(settings.log).read_labelled(
        use_case, window.start, window.end, case.task.finding, str(version.version)
    )
    return compare(case, window, rows, reference, settings.reports / use_case, about(settings, version))


def about(settings: Settings, version: ModelVersion) -> dict[str, Any]:
    """What the pages tell of the model, with the way to its run; pages beside them are linked from where they lie."""
    registry = Registry(settings)
    known, pages = registry.links(version.run_id), {"MLflow run": registry.page(version.run_id)}
    pages["Prefect run of the training"], pages["Prefect run"] = known.get(FLOW_URL, ""), links().get("flow_url", "")
    pages["Data Docs"] = known.get(DATA_DOCS, "").replace((settings.reports / version.use_case).as_uri(), "..")
    told = {"model_version": version.name, "bundle": version.bundle, "dataset": version.dataset_md5}
    told["workspace_commit"] = known.get(DVC_COMMIT, "")
    return {**told, "links": {title: page for title, page in pages.items() if page}}


@outside
def note(use_case: str, window: Window, report: MonitorReport) -> None:
    """Write the verdict to the ledger, and let the model's run point to the report."""
    registry = Registry(load_settings())
    version = serving_version(registry, use_case)
    registry.link(version.run_id, MONITOR_REPORT, report.summary.as_uri())  # first, for it may be tried again
    body = {"use_case": use_case, "window": window.name, "version": version.version, "verdict": str(report.verdict)}
    registry.ledger.write("verdict", {**body, "sentence": report.sentence})


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
