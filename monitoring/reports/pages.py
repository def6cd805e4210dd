"""Writes all pages of a look into one folder."""

from __future__ import annotations

from pathlib import Path

from monitoring.looks import Look
from monitoring.reports.document import document
from monitoring.reports.evidently_pages import write_bias, write_drift
from monitoring.reports.summary import summary_page
from radloop.files import write_json, write_text


def write_pages(seen: Look, folder: Path) -> None:
    """Write monitor.json, summary.html, drift.html/.json and bias.html/.json."""
    told = document(seen)
    write_json(folder / "monitor.json", told)
    write_text(folder / "summary.html", summary_page(seen, told))
    write_drift(seen, told, folder)
    write_bias(seen, told, folder)
