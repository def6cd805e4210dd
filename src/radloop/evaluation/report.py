"""The evaluation as one HTML page that needs nothing else: the verdict first, then why, then every figure."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from radloop.evaluation.assessment import Assessment, warnings_of
from radloop.evaluation.gates import sentence
from radloop.evaluation.names import (
    ATTRIBUTE_TITLES,
    BASELINE_TITLES,
    BASELINES,
    SUBGROUP_MEASURES,
    TITLES,
)
from radloop.evaluation.uses import hash_of_test_set
from radloop.gate import Gate
from radloop.intervals import Interval

#: Gaps that the page shows; the table with all of them lies beside it.
SHOWN_GAPS = 6

STYLE = """
:root{--ink:#1d2733;--soft:#5b6875;--line:#dfe4ea;--open:#00734f;--closed:#b33c00;--card:#fff;--page:#f5f7f9}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,"DejaVu Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 24px 60px}
h1{font-size:25px;margin:0 0 4px} h2{font-size:18px;margin:34px 0 10px} p{margin:6px 0}
.soft{color:var(--soft)} .small{font-size:13px}
.verdict{border-left:7px solid;background:var(--card);padding:14px 18px;margin:18px 0;border-radius:4px;font-size:16px}
.verdict.open{border-color:var(--open)} .verdict.closed{border-color:var(--closed)}
.warning{background:#fff6e5;border:1px solid #e6c27a;border-radius:4px;padding:9px 14px;margin:8px 0}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:12px}
.tile{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:12px 14px}
.tile b{display:block;font-size:26px;line-height:1.2}
table{border-collapse:collapse;width:100%;background:var(--card);font-size:14px}
th,td{text-align:left;padding:6px 10px;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:600;border-bottom:2px solid var(--line)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr.head td{background:#eef2f5;font-weight:600}
.yes{color:var(--open);font-weight:600} .no{color:var(--closed);font-weight:600} .few{color:#7b8793;font-style:italic}
.pictures{margin-top:14px;display:grid;grid-template-columns:1fr 1fr;gap:14px}
.pictures img,.wide img{width:100%;background:#fff;border:1px solid var(--line);border-radius:6px}
@media(max-width:720px){.pictures,.tiles{grid-template-columns:1fr}}
"""


def write_report(found: Assessment, gate: Gate, figures: Sequence[Path]) -> str:
    """The page as HTML, with the pictures in it, so that it can be sent and archived alone."""
    title = f"Evaluation: {found.case.task.title}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">Model bundle <code>{escape(short_of(found.facts.get("bundle")))}</code>, '
        f"judged on {len(found.cases)} held-out images of {found.cases['patient_id'].nunique()} patients "
        f"({found.prevalence:.0%} with {escape(found.case.task.finding)}).</p>",
        f'<div class="verdict {"open" if gate.open else "closed"}">{escape(sentence(gate, found))}</div>',
        *(f'<div class="warning">{escape(text)}</div>' for text in warnings_of(found)),
        _tiles(found),
        *gate_section(gate),
        *_baseline_section(found),
        *_measure_section(found, figures),
        *_subgroup_section(found, figures),
        *_method_section(found),
    ]
    return page_of(title, parts)


def page_of(title: str, parts: Iterable[str], style: str = "") -> str:
    """A page of the house, which needs no other file; `style` is added to its own."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head><body><main>"
        + "\n".join(parts)
        + "</main></body></html>\n"
    )


def _tiles(found: Assessment) -> str:
    chosen = ("auroc", "sensitivity", "specificity", "calibration_error")
    return '<div class="tiles">' + "".join(_tile(TITLES[name], found.measures[name]) for name in chosen) + "</div>"


def _tile(title: str, interval: Interval) -> str:
    value = "-" if interval.value is None else f"{interval.value:.3f}"
    bounds = f"{interval.low:.3f} to {interval.high:.3f}" if interval.known else interval.note
    return (
        f'<div class="tile"><span class="soft small">{escape(title)}</span><b>{value}</b>'
        f'<span class="soft small">{escape(bounds)}</span></div>'
    )


def gate_section(gate: Gate) -> list[str]:
    """Each rule of a gate with what was seen."""
    rows = [
        [mark_of(check.holds), escape(check.name.replace("_", " ")), escape(str(check.seen)), escape(check.rule)]
        for check in gate.checks
    ]
    return ["<h2>The gate, rule by rule</h2>", table_of(["", "Rule", "Seen", "Asked"], rows)]


def _baseline_section(found: Assessment) -> list[str]:
    section = found.case.evaluate
    rows = [["This model", cell_of(found.measures["auroc"]), "", "", ""]]
    for name in (name for name in BASELINES if name in found.comparisons):
        other = found.comparisons[name]
        p_value = "" if other.difference.p_value is None else f"{other.difference.p_value:.3g}"
        rows.append(
            [BASELINE_TITLES[name], cell_of(other.auroc), cell_of(other.difference), p_value, mark_of(other.beaten)]
        )
    heads = ["", f"AUROC ({section.confidence:.0%})", f"Model minus this ({section.comparison_confidence:.0%})",
             "p", "Beaten"]  # fmt: skip
    used = "; ".join(_how(name, found.comparisons[name].how) for name in BASELINES if name in found.comparisons)
    note = f'<p class="soft small">Both learned from the training split alone. {escape(used)}</p>'
    return ["<h2>Against plain baselines, on the same cases</h2>", table_of(heads, rows, numbers=(1, 2, 3)), note]


def _measure_section(found: Assessment, figures: Sequence[Path]) -> list[str]:
    rows = [
        [TITLES.get(name, "AUROC on validation"), cell_of(interval), str(interval.n), str(interval.positives),
         str(interval.clusters), escape(interval.method)]
        for name, interval in {**found.measures, "validation": found.validation}.items()
    ]  # fmt: skip
    heads = [
        "Figure",
        f"Value ({found.case.evaluate.confidence:.0%} interval)",
        "n",
        "Positives or right",
        "Patients",
        "Interval",
    ]
    note = (
        '<p class="soft small">For sensitivity, specificity and predictive values, n are the cases that the share is '
        "about and positives those for which the decision was right.</p>"
    )
    return [
        "<h2>All figures</h2>", table_of(heads, rows, numbers=(1, 2, 3, 4)), note, _confusion(found),
        '<div class="pictures">' + "".join(picture_of(path) for path in figures if path.stem != "subgroups") + "</div>",
    ]  # fmt: skip


def _confusion(found: Assessment) -> str:
    table = found.confusion
    threshold = found.facts.get("threshold")
    at = "" if threshold is None else f" at the threshold {threshold:.4g}"
    rows = [
        ["With the finding", str(table["true_positives"]), str(table["false_negatives"])],
        ["Without", str(table["false_positives"]), str(table["true_negatives"])],
    ]
    return f"<h2>Decisions{at}</h2>" + table_of(["", "Called positive", "Called negative"], rows, numbers=(1, 2))


def under_headings(groups: pd.DataFrame, cells: Callable[[dict[Any, Any]], list[str]]) -> list[list[str]]:
    """A row for each group of patients, below a heading for each attribute by which they are grouped."""
    rows: list[list[str]] = []
    previous = None
    for row in groups.to_dict("records"):
        if row["attribute"] != previous:
            rows.append([ATTRIBUTE_TITLES[row["attribute"]]])
            previous = row["attribute"]
        rows.append(cells(row))
    return rows


def _subgroup_section(found: Assessment, figures: Sequence[Path]) -> list[str]:
    def cells(row: dict[Any, Any]) -> list[str]:
        counts = [str(row[name]) for name in ("n", "positives", "patients")]
        return [escape(str(row["group"])), *counts, *(_subgroup_cell(row, name) for name in SUBGROUP_MEASURES)]

    rows = under_headings(found.subgroups, cells)
    heads = ["Group", "n", "Positives", "Patients", *(TITLES[name] for name in SUBGROUP_MEASURES)]
    few = found.case.evaluate.smallest_group
    return [
        "<h2>Subgroups</h2>",
        f'<p class="soft small">Fewer than {few} cases that a figure is about, or fewer patients, are too few.</p>',
        table_of(heads, rows, numbers=tuple(range(1, 7))),
        '<div class="wide" style="margin-top:14px">'
        + "".join(picture_of(path) for path in figures if path.stem == "subgroups") + "</div>",
        *_gap_section(found),
    ]  # fmt: skip


def _gap_section(found: Assessment) -> list[str]:
    known = found.gaps[found.gaps["gap"].notna()]
    if known.empty:
        return []
    largest = known.sort_values("p_value", kind="stable").head(SHOWN_GAPS)
    rows = [
        [escape(f"{ATTRIBUTE_TITLES[row['attribute']]}: {row['group']}"), TITLES[row["measure"]],
         f"{row['gap']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})", f"{row['p_value']:.3g}",
         f"{row['p_adjusted']:.3g}"]
        for row in largest.to_dict("records")
    ]  # fmt: skip
    heads = ["Group against the rest", "Figure", "Difference", "p", f"p after Holm ({len(known)} looks)"]
    return ["<h2>Widest gaps between a group and the rest</h2>", table_of(heads, rows, numbers=(2, 3, 4))]


def _method_section(found: Assessment) -> list[str]:
    section = found.case.evaluate
    rows = [[escape(key.replace("_", " ")), escape(plain_of(value))] for key, value in sorted(found.facts.items())]
    rows.append(["test set", escape(short_of(hash_of_test_set(found.cases["record_id"])))])
    error = found.measures["calibration_error"].note
    text = (
        "Images of one patient are alike, so every interval takes the patient as its unit: AUROC by DeLong's method "
        "with Obuchowski's clustering on the logit scale, shares by Wilson's with a design effect, the rest by "
        f"{section.bootstrap:,} bootstrap replicates of patients. Calibration error is the mean distance of predicted "
        f"from observed shares over {section.calibration_bins} bins of equally many cases; it is above 0 even for a "
        f"perfect model, the more so the fewer cases ({error}), and its interval allows for that."
    )
    return ["<h2>How this was made</h2>", f'<p class="small">{escape(text)}</p>', table_of(["Fact", ""], rows)]


def _subgroup_cell(row: dict[Any, Any], name: str) -> str:
    if pd.isna(row[name]):
        return f'<span class="few">{escape(row[f"{name}_note"] or "unknown")}</span>'
    if pd.isna(row[f"{name}_low"]):
        return f"{row[name]:.3f}"
    return f"{row[name]:.3f} ({row[f'{name}_low']:.3f} to {row[f'{name}_high']:.3f})"


def cell_of(interval: Interval) -> str:
    """A figure with its interval, or why there is none."""
    if interval.value is None:
        return f'<span class="few">{escape(interval.note)}</span>'
    return escape(str(interval))


def mark_of(holds: bool) -> str:
    """Yes or no, told by more than a colour."""
    return '<span class="yes">&#10003; yes</span>' if holds else '<span class="no">&#10007; no</span>'


def table_of(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table of cells that are HTML already; a row of one cell is a heading across."""

    def cell(tag: str, place: int, text: str) -> str:
        return f"<{tag}{' class=n' if place in numbers else ''}>{text}</{tag}>"

    head = "".join(cell("th", place, text) for place, text in enumerate(heads))
    body = "".join(
        f'<tr class="head"><td colspan="{len(heads)}">{row[0]}</td></tr>' if len(row) == 1
        else "<tr>" + "".join(cell("td", place, text) for place, text in enumerate(row)) + "</tr>"
        for row in rows
    )  # fmt: skip
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def picture_of(path: Path) -> str:
    """A PNG inside the page."""
    content = base64.b64encode(path.read_bytes()).decode()
    name = escape(path.stem.replace("_", " "))
    return f'<img alt="{name}" src="data:image/png;base64,{content}">'


def _how(name: str, how: dict[str, Any]) -> str:
    said = ", ".join(f"{key} {plain_of(value)}" for key, value in how.items())
    return f"{BASELINE_TITLES[name]}: {said}"


def plain_of(value: Any) -> str:
    """A fact as people read it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain_of(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain_of(inner) for inner in value) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def short_of(digest: Any) -> str:
    """The beginning of a hash."""
    return str(digest)[:16] if digest else "unknown"
