"""The index of all reports, made anew from their JSON files each time, so that it cannot disagree with them."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from monitoring.reports.page import CHIPS, card, chip, link, page, table
from radloop.files import write_text


def write_index(reports: Path) -> Path:
    """Write `index.html` in the folder that holds one folder per use case; newest windows first."""
    found = [(path.parent.relative_to(reports), told) for path in documents(reports) if (told := read(path))]
    found.sort(key=lambda item: (item[1]["window"]["end"], item[1]["created"]), reverse=True)
    target = reports / "index.html"
    write_text(target, page("radloop: monitoring reports", _body(found)))
    return target


def documents(reports: Path) -> list[Path]:
    """The JSON document of every report; temporary folders of reports in the making are left out."""
    return [path for path in sorted(reports.glob("*/*/monitor.json")) if not path.parent.name.startswith(".")]


def read(path: Path) -> dict[str, Any] | None:
    """A document, or None where a file is not one of ours: one broken file must not hide all reports."""
    try:
        told = json.loads(path.read_text())
        return dict(told) if told["verdict"] in CHIPS and told["window"]["end"] and told["created"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _body(found: list[tuple[Path, dict[str, Any]]]) -> str:
    head = '<p class="over">radloop · monitoring</p><h1>Reports</h1>'
    if not found:
        return head + '<section class="card"><p>No report yet. Run <code>radloop run monitor</code>.</p></section>'
    latest = {told["use_case"]: (folder, told) for folder, told in reversed(found)}
    now = "".join(_latest(folder, told) for folder, told in latest.values())
    rows = [_row(folder, told) for folder, told in found]
    names = ("window", "use case", "verdict", "why", "model", "images", "pages")
    return head + now + card(f"All {len(found)} reports, newest first", table(names, rows, frozenset({5})))


def _latest(folder: Path, told: dict[str, Any]) -> str:
    colour = CHIPS[told["verdict"]][0]
    note = told["about"].get("data_note")
    return (
        f'<section class="card verdict" style="--c:{colour}"><p class="over">latest of {escape(told["use_case"])}</p>'
        f"<h2>{escape(told['title'])} · {escape(told['window']['name'])}</h2>{chip(told['verdict'], 'big')}"
        f'<p class="sentence">{escape(told["sentence"])}</p>'
        f"{f'<p class=small>{escape(str(note))}</p>' if note else ''}"
        f'<p class="links" style="margin:10px 0 0">{_links(folder)}</p></section>'
    )


def _row(folder: Path, told: dict[str, Any]) -> tuple[str, ...]:
    window = told["window"]
    return (
        f"<strong>{escape(window['name'])}</strong><br><span class=small>{window['start']} to {window['end']}</span>",
        escape(told["use_case"]),
        chip(told["verdict"]),
        escape(told["sentence"]),
        escape(f"v{str(told['about'].get('model_version', '?')).rsplit('/', 1)[-1]}"),
        f"{told['counts']['window']['images']:,}",
        _links(folder, "<br>"),
    )


def _links(folder: Path, between: str = "") -> str:
    pages = (("Summary", "summary.html"), ("Drift", "drift.html"), ("Bias", "bias.html"), ("JSON", "monitor.json"))
    return between.join(link(text, f"{folder.as_posix()}/{name}") for text, name in pages)
