"""The page that people open first: the verdict, why, what moved, and pictures of it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from monitoring.detectors.performance import TITLES
from monitoring.findings import Finding
from monitoring.looks import Look
from monitoring.reports import figures
from monitoring.reports.page import CHIPS, card, chip, facts, link, page, table
from monitoring.verdict import title
from radloop.evaluation.names import ATTRIBUTE_TITLES
from radloop.intervals import Interval

#: Notes and lesser changes that the page lists at most; the JSON has all.
_LISTED = 12


def summary_page(seen: Look, told: Mapping[str, Any]) -> str:
    """The summary of a look; `told` is its document (`reports.document`)."""
    name = f"{seen.case.task.title}: {seen.window.name}"
    body = [head(told), data_note(told["about"]), _facts(told), _streams(told["streams"]), _causes(seen)]
    if seen.measured:
        body.append(_performance(seen))
    body.append(_pictures(seen, told))
    body.append(_method(told))
    return page(name, "".join(body))


def head(told: Mapping[str, Any]) -> str:
    """Verdict and sentence, with the way to the other pages."""
    window = told["window"]
    colour = CHIPS[told["verdict"]][0]
    pages = [("Drift report", "drift.html"), ("Bias report", "bias.html"), ("Everything as JSON", "monitor.json")]
    pages.append(("All reports", "../../index.html"))
    links = "".join(link(text, address) for text, address in pages)
    return (
        f'<p class="over">radloop · monitoring · {escape(told["use_case"])}</p>'
        f"<h1>{escape(told['title'])}<br>{escape(window['name'])}</h1>"
        f'<section class="card verdict" style="--c:{colour}">{chip(told["verdict"], "big")}'
        f'<p class="sentence">{escape(told["sentence"])}</p></section>'
        f'<p class="links">{links}</p>'
    )


def data_note(about: Mapping[str, Any]) -> str:
    """What readers must know of the data before they believe a figure."""
    note = about.get("data_note")
    return f'<p class="note"><strong>Data:</strong> {escape(str(note))}</p>' if note else ""


def _facts(told: Mapping[str, Any]) -> str:
    now, before = told["counts"]["window"], told["counts"]["reference"]
    about = dict(told["about"])
    links = about.pop("links", None) or {}
    about.pop("data_note", None)
    pairs = [
        ("window", f"{told['window']['start']} to {told['window']['end']}"),
        ("in the window", _counted(now)),
        ("reference (held-out cases the model was judged on)", _counted(before)),
        *((key.replace("_", " "), escape(_short(value))) for key, value in about.items()),
        ("written", escape(told["created"].replace("T", " ").replace("+00:00", " UTC"))),
    ]
    if links:
        pairs.append(("see also", "<br>".join(link(str(text), str(to)) for text, to in links.items())))
    return card("What was compared", facts(pairs))


def _counted(counts: Mapping[str, int]) -> str:
    return f"{counts['images']:,} images of {counts['patients']:,} patients, {counts['labelled']:,} labelled"


def _short(value: object) -> str:
    text = str(value)
    return text[:12] + "…" if len(text) >= 40 and " " not in text else text


def _streams(rows: list[dict[str, Any]]) -> str:
    words = {
        True: '<span class="moved">▲ moved</span>',
        False: '<span class="still">✓ as before</span>',
        None: '<span class="none">– not asked</span>',
    }
    cells = [
        (
            f"<strong>{escape(row['stream'])}</strong>",
            escape(row["question"]),
            words[row["moved"]],
            escape(row["top"]),
        )
        for row in rows
    ]
    return card("What moved, and what did not", table(("stream", "question", "answer", "largest cause"), cells))


def _causes(seen: Look) -> str:
    parts = []
    head = ("stream", "what", "seen", "effect", "p, adjusted")
    if seen.causes:
        parts.append(table(head, [_row(f) for f in seen.causes], frozenset({3, 4})))
    else:
        parts.append("<p>No alarm.</p>")
    lesser = [f for f in seen.findings if f.grade in ("change", "note")]
    if lesser:
        parts.append('<h2 style="margin-top:18px">Worth knowing, no alarm</h2>')
        parts.append(table(head, [_row(f) for f in lesser[:_LISTED]], frozenset({3, 4})))
        if len(lesser) > _LISTED:
            parts.append(f'<p class="small">and {len(lesser) - _LISTED} more in monitor.json</p>')
    return card("Causes", "".join(parts))


def _row(finding: Finding) -> tuple[str, ...]:
    p = "" if finding.p is None else ("&lt; 0.001" if finding.p < 0.001 else f"{finding.p:.3f}")
    return escape(finding.stream), escape(title(finding)), escape(finding.what), effect_text(finding), p


def effect_text(finding: Finding) -> str:
    """An effect with the unit of its kind."""
    if finding.kind in ("level", "new", "missing", "unusable", "unfamiliar"):
        return f"{100 * finding.effect:+.0f} points"
    if finding.kind in ("drop", "gap", "floor"):
        return f"{finding.effect:+.2f}"
    return f"{finding.effect:+.2f} SD" if finding.kind != "spread" else f"spread × {2.718281828**finding.effect:.2f}"


def interval_text(interval: Interval) -> str:
    """A figure with its bounds, or why there is none."""
    if interval.value is None:
        return interval.note
    if not interval.known:
        return f"{interval.value:.3f}"
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _performance(seen: Look) -> str:
    rows = [
        (
            TITLES[m.name],
            interval_text(m.reference),
            interval_text(m.window),
            "" if m.difference is None else f"{m.difference:+.3f}",
            str(m.window.n),
        )
        for m in seen.measured
    ]
    head = ("measure", "reference", "window", "difference", "n")
    note = '<p class="small">95 % intervals, clustered by patient; only images whose truth came back.</p>'
    return card("Performance where labels came", table(head, rows, frozenset({3, 4})) + note)


def _pictures(seen: Look, told: Mapping[str, Any]) -> str:
    before, now = seen.reference_side, seen.window_side
    if now.n == 0:
        return ""
    first = next((c for c in ("manufacturer", "acquisition_group", "site") if now.sketch.categories[c].n), "view")
    threshold = told["about"].get("threshold")
    shown = [
        (first.replace("_", " "), figures.category_bars(first, before, now)),
        ("view", figures.category_bars("view", before, now)),
        ("age", figures.number_histogram("age", before, now)),
        ("score", figures.number_histogram("score", before, now, None if threshold is None else float(threshold))),
        ("day by day", figures.daily(now)),
        groups_figure(told),
    ]
    boxes = "".join(card(name, f"<figure>{svg}</figure>") for name, svg in shown)
    return f'<div class="grid" style="margin-bottom:18px">{boxes}</div>'


def groups_figure(told: Mapping[str, Any]) -> tuple[str, str]:
    """The forest of groups: sensitivity where labels came, else how often the model says yes."""
    labelled = bool(told["subgroups"])
    rows = []
    for row in told["subgroups"] or told["answers"]:
        value, low, high = ("sensitivity", "sensitivity_low", "sensitivity_high") if labelled else (
            "decision_rate", "low", "high")  # fmt: skip
        attribute = ATTRIBUTE_TITLES.get(row["attribute"], row["attribute"]).split(" (")[0]
        n = row["positives"] if labelled else row["n"]
        rows.append({"name": f"{attribute} {row['group']}", "n": n, "value": row.get(value)}
                    | {"low": row.get(low), "high": row.get(high)})  # fmt: skip
    if labelled:
        return "sensitivity per group", figures.forest(rows, "sensitivity, 95 % interval; n positives")
    return "positive decisions per group (no labels: no bias can be told)", figures.forest(rows, "share of images")


def _method(told: Mapping[str, Any]) -> str:
    knobs, rates = told["knobs"], told["rates"]
    shares = ", ".join(f"{name} {rate:.4g}" for name, rate in rates.items())
    text = (
        f"When nothing changed, at most {100 * knobs['false_alarm_rate']:g} % of looks raise an alarm, over all tests "
        f"together ({shares}). Drift is tested by dealing patients anew between reference and window "
        f"{knobs['permutations']:,} times, which holds for a small reference and for several images per patient. An "
        f"alarm needs an effect as well: {100 * knobs['smallest_share_change']:g} points of a share, "
        f"{knobs['smallest_shift']:g} standard deviations, {knobs['smallest_drop']:g} of a performance figure, "
        f"{knobs['bias_gap']:g} between groups. Numbers come from summaries of all rows; Evidently draws a sample of "
        f"at most {told['sample']['at_most']:,} rows, {told['sample']['rule']}."
    )
    return card("How this was judged", f'<p class="small" style="margin:0">{escape(text)}</p>')
