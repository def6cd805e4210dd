"""Data Docs: the pages of Great Expectations, made whole so that they open beside a scanner with no network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Protocol

from radloop.files import write_text
from radloop.quality.expectations import Judgement

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1100px;padding:24px;color:#1c2733;background:#fff}
ul{list-style:none;padding-left:0}
img,.ge-walkthrough-modal,.modal,.btn,.popover,.navbar,.col-lg-2,footer{display:none!important}
.card-header{font-weight:600;margin-top:8px} .ge-section{border-top:2px solid #eef2f6;padding-top:8px;margin-top:20px}
.alert{background:#eef3f8;padding:8px 12px;border-radius:6px} h4,h5,h6{margin:4px 0}
table{border-collapse:collapse;width:100%;margin:8px 0;font-size:14px}
th,td{border-bottom:1px solid #e3e9ef;padding:6px 10px;text-align:left;vertical-align:top}
.badge{background:#e8edf3;border-radius:4px;padding:1px 6px;font-family:ui-monospace,monospace;font-size:13px}
.cooltip .top,.cooltip i{display:none} a{color:#14589c}
.holds{color:#1a7f37;font-weight:600}.broken{color:#b42318;font-weight:600}.warns{color:#9a6700;font-weight:600}.untold{color:#57606a}
.ge-section table{table-layout:fixed;overflow-wrap:anywhere} .alert h5{font-size:15px}
.ge-section th{box-sizing:border-box;width:10%}.ge-section th:nth-child(1){width:28%}
.ge-section th:nth-child(4){width:34%}.ge-section th:nth-child(5){width:18%}
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

    The pages are Great Expectations' own, headed by the suite's verdicts with their severities; what they would load
    from other hosts is taken out, because a hospital's data page must call nobody, and a style of our own is put in.
    """
    for name, judgement in judgements.items():
        write_text(folder / f"{name}.html", _page(name, judgement))
    write_text(folder / "index.html", _index(title, judgements, probes))


def _page(name: str, judgement: Judgement) -> str:
    from great_expectations.render.renderer import ValidationResultsPageRenderer  # slow, and loaded by the judge
    from great_expectations.render.view import DefaultJinjaPageView

    # times and hashes of the run itself would make equal data give unequal pages
    judgement.result.meta = {**judgement.result.meta, "batch_markers": {}, "batch_spec": {}}
    document = ValidationResultsPageRenderer(run_info_at_end=True).render(judgement.result)
    document.sections = document.sections[1:-1]  # the first calls what only warns a failure, the last tells of the run
    for section in document.sections:
        _tell_severities(section, judgement)
    page = _FETCHED.sub("", DefaultJinjaPageView().render(document))
    page = re.sub(r'href="[^"#]*index\.html"', 'href="index.html"', page)
    page = re.sub(r'<a href="[^"]*expectations/[^"]*" ?>([^<]*)</a>', r"\1", page)
    page = re.sub(r"<title>.*?</title>", f"<title>{escape(name)}</title>", page, count=1, flags=re.DOTALL)
    page = re.sub(r"<body\b[^>]*>", lambda body: body[0] + _head(name, judgement), page, count=1)
    return page.replace("</head>", f"<style>{_STYLE}</style></head>", 1)


def _tell_severities(section: Any, judgement: Judgement) -> None:
    """Put each rule's name, severity and verdict where Great Expectations shows a mark that knows no severity."""
    from great_expectations.render import RenderedStringTemplateContent

    table = section.content_blocks[1]
    table.header_row = ["Rule", "Severity", "Verdict", "What is expected", "Seen"]
    for row, reason in zip(table.table, judgement.reasons_of(section.section_name), strict=True):
        line = _line("", judgement, reason)
        cells = {reason: [], line.severity: [], line.verdict: [line.verdict]}
        row[:1] = [
            RenderedStringTemplateContent(
                content_block_type="string_template",
                string_template={"template": text, "styling": {"classes": classes}},
            )
            for text, classes in cells.items()
        ]


def _head(name: str, judgement: Judgement) -> str:
    """What a reader must know before the details: how much was judged, and which rules are broken or warn."""
    lines = _lines({name: judgement})
    broken = [line for line in lines if not line.holds]
    told = _table(broken) if broken else '<p class="holds">Every rule holds.</p>'
    return (
        f'<p><a href="index.html">All suites</a></p><h1>Suite {escape(name)}</h1>'
        f"<p>{judgement.judged} {escape(judgement.unit)} judged by {len(lines)} rules.</p>{told}<h2>All rules</h2>"
    )


@dataclass(frozen=True)
class _Line:
    """One rule's verdict as a row of a page."""

    suite: str
    reason: str
    severity: str
    holds: bool
    breaches: str
    verdict: str


def _line(suite: str, judgement: Judgement, reason: str) -> _Line:
    """A rule that nothing was told about must not look like one that was kept."""
    holds, severity = judgement.holds[reason], judgement.severity[reason]
    verdict = VERDICTS[severity] if not holds else "untold" if reason in judgement.untold else "holds"
    return _Line(suite, reason, severity, holds, _count(judgement, reason), verdict)


def _lines(judgements: dict[str, Judgement]) -> list[_Line]:
    """All verdicts, what is broken first, and what acts before what warns."""
    lines = [_line(name, judgement, reason) for name, judgement in judgements.items() for reason in judgement.holds]
    return sorted(lines, key=lambda line: (line.holds, list(VERDICTS).index(line.severity)))


def _count(judgement: Judgement, reason: str) -> str:
    """How many of how many break a rule, or the number that was seen of the whole; empty where it holds."""
    breaches, seen = len(judgement.breaches[reason]), judgement.seen[reason]
    if breaches:
        return f"{breaches} of {judgement.judged} {judgement.unit}"
    return "" if judgement.holds[reason] or not isinstance(seen, int | float) else f"seen: {seen:.4g}"


def _index(title: str, judgements: dict[str, Judgement], probes: tuple[Probe, ...]) -> str:
    lines = _lines(judgements)
    kept = [line for line in lines if line.holds]
    broken = _table([line for line in lines if not line.holds]) if len(kept) < len(lines) else ""
    said = "".join(f'<p class="{"warns" if p.warns else "holds"}">{escape(p.told())}</p>' for p in probes)
    links = " · ".join(
        f'<a href="{name}.html">{escape(name)}</a> ({one.judged} {escape(one.unit)})'
        for name, one in judgements.items()
    )
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>Judged by Great Expectations. Suites: {links}. Counts only: no page shows a value of any row.</p>"
        f"{_age(judgements)}{said}"
        f"<p><b>{len(lines) - len(kept)} of {len(lines)} rules are broken or warn.</b> Severity: stop closes the gate "
        f"and, like quarantine, sets aside what breaks it; warn only tells. "
        f"A rule is untold where no row has a value to judge.</p>{broken}"
        f"<details><summary>The {len(kept)} rules that hold</summary>{_table(kept)}</details>"
        "</body></html>\n"
    )


def _age(judgements: dict[str, Judgement]) -> str:
    """When the newest image came, which is the age of what was judged; the time of judging would differ every time."""
    times = [one.when for one in judgements.values() if one.when]
    return f"<p>The newest image was admitted on {max(times):%d %B %Y at %H:%M} UTC.</p>" if times else ""


def _table(lines: list[_Line]) -> str:
    head = "".join(f"<th>{word}</th>" for word in ("suite", "rule", "severity", "verdict", "broken by"))
    return f'<table class="verdicts"><tr>{head}</tr>{"".join(map(_row, lines))}</table>'


def _row(line: _Line) -> str:
    return (
        f'<tr><td><a href="{line.suite}.html">{escape(line.suite)}</a></td><td>{escape(line.reason)}</td>'
        f'<td>{line.severity}</td><td class="{line.verdict}">{line.verdict}</td><td>{escape(line.breaches)}</td></tr>'
    )
