"""Data Docs: the pages of Great Expectations, made whole so that they open beside a scanner with no network."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Protocol

from radloop.files import write_text
from radloop.quality.expectations import Judgement

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1100px;padding:24px;color:#1c2733;background:#fff}
nav.navbar{height:auto!important;border-bottom:1px solid #d5dde5;margin-bottom:16px}
ol.breadcrumb{list-style:none;padding:0;display:flex;gap:8px} ul{list-style:none;padding-left:0}
img,.ge-walkthrough-modal,.modal,.btn,.popover,.sticky>.card:first-of-type,footer{display:none!important}
.sticky .nav{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:13px}
.card-header{font-weight:600;margin-top:8px} .ge-section{border-top:2px solid #eef2f6;padding-top:8px;margin-top:20px}
.alert{background:#eef3f8;padding:8px 12px;border-radius:6px} h4,h5,h6{margin:4px 0}
table{border-collapse:collapse;width:100%;margin:8px 0;font-size:14px}
th,td{border-bottom:1px solid #e3e9ef;padding:6px 10px;text-align:left;vertical-align:top}
.badge{background:#e8edf3;border-radius:4px;padding:1px 6px;font-family:ui-monospace,monospace;font-size:13px}
.cooltip .top,.cooltip i{display:none} a{color:#14589c}
.text-success::before{content:"\\2714 holds";color:#1a7f37} .text-danger::before{content:"\\2718 broken";color:#b42318}
.holds{color:#1a7f37;font-weight:600}.broken{color:#b42318;font-weight:600}.warns{color:#9a6700;font-weight:600}
i{font-style:normal} td+td .text-danger::before,.alert .text-success::before,.alert .text-danger::before{content:none}
details{margin-top:20px} summary{cursor:pointer;color:#14589c} table.verdicts td:nth-child(2){width:40%}
p.holds,p.warns{border-left:4px solid;padding-left:10px;font-weight:400}
"""

#: How a verdict is worded; what only warns must not look like what was acted upon.
VERDICTS = {"stop": "broken", "quarantine": "broken", "warn": "warns"}
#: What a page would fetch from elsewhere, or could not do without that.
_FETCHED = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*>|<footer\b.*?</footer>|<style>.*?</style>|<a\b[^>]*href=\"https?:[^>]*>",
    re.DOTALL,
)


class Probe(Protocol):
    """A look at the snapshot that Great Expectations has no words for; it may warn."""

    @property
    def warns(self) -> bool:
        """Should a person look?"""

    def told(self) -> str:
        """One sentence, with no value of a row."""


def write_data_docs(folder: Path, title: str, judgements: dict[str, Judgement], probes: tuple[Probe, ...] = ()) -> None:
    """Write one page for each suite and an index, with counts and bounds but no value of any row.

    The pages are Great Expectations' own; what they would load from other hosts is taken out, because a hospital's
    data page must call nobody, and a style of our own is put in.
    """
    for name, judgement in judgements.items():
        write_text(folder / f"{name}.html", _page(judgement))
    write_text(folder / "index.html", _index(title, judgements, probes))


def _page(judgement: Judgement) -> str:
    from great_expectations.render.renderer import ValidationResultsPageRenderer  # slow, and loaded by the judge
    from great_expectations.render.view import DefaultJinjaPageView

    # times and hashes of the run itself would make equal data give unequal pages
    judgement.result.meta = {**judgement.result.meta, "batch_markers": {}, "batch_spec": {}}
    document = ValidationResultsPageRenderer(run_info_at_end=True).render(judgement.result)
    page = _FETCHED.sub("", DefaultJinjaPageView().render(document))
    page = re.sub(r'href="[^"#]*index\.html"', 'href="index.html"', page)
    page = re.sub(r'<a href="[^"]*expectations/[^"]*" ?>([^<]*)</a>', r"\1", page)
    return page.replace("</head>", f"<style>{_STYLE}</style></head>", 1)


def _index(title: str, judgements: dict[str, Judgement], probes: tuple[Probe, ...]) -> str:
    lines = [
        (name, reason, judgement.severity[reason], holds, len(judgement.breaches[reason]))
        for name, judgement in judgements.items()
        for reason, holds in judgement.holds.items()
    ]
    lines.sort(key=_urgency)
    kept = [line for line in lines if line[3]]
    broken = _table([line for line in lines if not line[3]]) if len(kept) < len(lines) else ""
    said = "".join(f'<p class="{"warns" if p.warns else "holds"}">{escape(p.told())}</p>' for p in probes)
    links = " · ".join(f'<a href="{name}.html">{escape(name)}</a>' for name in judgements)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>Judged by Great Expectations. Pages: {links}. The time on a page is when the snapshot's last image was "
        f"admitted. Counts only: no page shows a value of any row.</p>{said}"
        f"<p><b>{len(lines) - len(kept)} of {len(lines)} rules are broken or warn.</b> Severity: stop closes the gate, "
        f"quarantine sets the row aside, warn only tells.</p>{broken}"
        f"<details><summary>The {len(kept)} rules that hold</summary>{_table(kept)}</details>"
        "</body></html>\n"
    )


def _table(lines: list[tuple[str, str, str, bool, int]]) -> str:
    head = "".join(f"<th>{word}</th>" for word in ("suite", "rule", "severity", "verdict", "rows that break it"))
    return f'<table class="verdicts"><tr>{head}</tr>{"".join(_line(*line) for line in lines)}</table>'


def _urgency(line: tuple[str, str, str, bool, int]) -> tuple[bool, int]:
    """What is broken comes first, what acts before what warns."""
    return line[3], list(VERDICTS).index(line[2])


def _line(suite: str, reason: str, severity: str, holds: bool, breaches: int) -> str:
    verdict = "holds" if holds else VERDICTS[severity]
    return (
        f'<tr><td><a href="{suite}.html">{escape(suite)}</a></td><td>{escape(reason)}</td><td>{severity}</td>'
        f'<td class="{verdict}">{verdict}</td><td>{breaches or ""}</td></tr>'
    )
