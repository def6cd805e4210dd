"""Evidently's drift and bias reports, as HTML and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from evidently import DataDefinition, Dataset, Report

from monitoring.columns import BY_NAME, DEMOGRAPHIC, GRIDS, MISSING, QUESTIONS, SMALLEST_CELL, WATCHED, Watched
from monitoring.detectors.performance import TITLES
from monitoring.findings import Finding
from monitoring.looks import Look
from monitoring.reports.evidently_metrics import ExactTable, Forest, SampledDrift, Statement
from monitoring.reports.figures import drawn_edges
from monitoring.reports.page import markdown_link
from monitoring.reports.summary import effect_text, interval_text
from monitoring.sides import Side
from monitoring.verdict import title
from monitoring.windows import stratified
from radloop.evaluation.names import ATTRIBUTE_TITLES
from radloop.files import write_text


def write_drift(seen: Look, told: Mapping[str, Any], folder: Path) -> None:
    """Write drift.html and drift.json: every watched column, exact numbers first, then pictures of the sample."""
    metrics = [_opening("Drift", seen, told)]
    for stream in ("acquisition", "population", "image", "embedding", "score", "prevalence"):
        asked = [f for f in seen.findings if f.stream == stream]
        metrics += [_tests(stream, asked)] if asked else []
        metrics += [_drawn(column, seen) for column in WATCHED if column.stream == stream and _drawable(column, seen)]
    _write(metrics, seen, folder / "drift")


def write_bias(seen: Look, told: Mapping[str, Any], folder: Path) -> None:
    """Write bias.html and bias.json: performance and every group, with intervals and n."""
    metrics = [_opening("Bias", seen, told)]
    if seen.measured:
        metrics.append(_performance(seen))
        metrics.append(_tests("bias", [f for f in seen.findings if f.stream == "bias"]))
        for measure in ("sensitivity", "specificity"):
            metrics += _forest(told["subgroups"], measure, f"{measure} per group, 95 % interval")
        metrics.append(_groups(told["subgroups"]))
    if told["answers"]:
        metrics.append(_answers(told["answers"]))
        metrics += _forest(told["answers"], "decision_rate", "positive decisions per group, 95 % interval")
    _write(metrics, seen, folder / "bias")


def _opening(name: str, seen: Look, told: Mapping[str, Any]) -> Statement:
    now, before, window = told["counts"]["window"], told["counts"]["reference"], told["window"]
    about = {key: value for key, value in told["about"].items() if key not in ("links", "data_note")}
    note = told["about"].get("data_note")
    links = [markdown_link(title, address) for title, address in (told["about"].get("links") or {}).items()]
    labels = "" if seen.measured or name != "Bias" else (
        "**No labels yet:** what follows is how often the model says yes in every group. Groups may differ in how "
        "often they have the finding, so a difference here is no bias by itself.")  # fmt: skip
    paragraphs = [
        f"**Data:** {note}" if note else "",
        f"**Verdict: {told['verdict']}.** {told['sentence']}",
        f"**Window** {window['name']}, {window['start']} to {window['end']}: {now['images']:,} images of "
        f"{now['patients']:,} patients, {now['labelled']:,} labelled. **Reference:** {before['images']:,} held-out "
        f"images of {before['patients']:,} patients that the model was judged on.",
        " · ".join(f"**{key.replace('_', ' ')}** {value}" for key, value in about.items()),
        f"Tables hold exact numbers of all rows. Pictures and distances are of a sample of at most "
        f"{told['sample']['at_most']:,} rows a side, {told['sample']['rule']}; the distances describe and never alarm.",
        labels,
        "[Summary](summary.html) · [Drift](drift.html) · [Bias](bias.html) · [All reports](../../index.html)",
        " · ".join(links),
    ]
    text = "\n\n".join(_safe(paragraph) for paragraph in paragraphs if paragraph)
    return Statement(heading=_safe(f"{name}: {told['title']}"), text=text, images=now["images"])


def _safe(text: object) -> str:
    """Text that cannot end the script element in which Evidently's page keeps it."""
    return str(text).replace("<", "‹").replace(">", "›")


def _tests(stream: str, asked: Sequence[Finding]) -> ExactTable:
    rank = {"alarm": 0, "change": 1, "note": 2, "same": 3}
    ordered = sorted(asked, key=lambda f: (rank[f.grade], 1.0 if f.p is None else f.p, -abs(f.effect)))
    words = {"alarm": "▲ ALARM", "change": "beyond chance, small", "note": "note", "same": "as before"}
    head = ["asked of", "seen", "effect", "p, adjusted", "answer"]
    rows = [
        [title(f), _safe(f.what), effect_text(f), "" if f.p is None else f"{f.p:.4f}", words[f.grade]] for f in ordered
    ]
    heading = f"{stream.capitalize()}: {QUESTIONS[stream]}"  # type: ignore[index]
    return ExactTable(heading=heading, head=head, rows=rows, alarms=sum(f.grade == "alarm" for f in asked))


def _drawable(column: Watched, seen: Look) -> bool:
    """Both sides must know the column, and at least one of them two values of it."""
    values = [side.rows[column.name].dropna() for side in (seen.reference_side, seen.window_side)]
    if min(len(v) for v in values) == 0:
        return False
    return bool(pd.concat(values).nunique() > 1)


def _drawn(column: Watched, seen: Look) -> SampledDrift:
    smallest = SMALLEST_CELL if column.name in DEMOGRAPHIC else 1
    unit = f" ({column.unit})" if column.unit else ""
    if column.grid is None:
        return SampledDrift(column=column.name, method="jensenshannon", threshold=1.0, heading=column.title,
                            smallest=smallest)  # fmt: skip
    edges = [float(edge) for edge in drawn_edges(column.name, seen.reference_side, seen.window_side)]
    return SampledDrift(column=column.name, method="wasserstein", threshold=1.0, heading=column.title + unit,
                        edges=edges, smallest=smallest)  # fmt: skip


def _performance(seen: Look) -> ExactTable:
    rows = [
        [TITLES[m.name], interval_text(m.reference), interval_text(m.window),
         "" if m.difference is None else f"{m.difference:+.3f}", str(m.window.n)]
        for m in seen.measured
    ]  # fmt: skip
    alarms = sum(f.grade == "alarm" for f in seen.findings if f.stream == "performance")
    head = ["measure", "reference (95 %)", "window (95 %)", "difference", "n"]
    return ExactTable(heading="Performance where labels came", head=head, rows=rows, alarms=alarms)


def _group(row: Mapping[str, Any]) -> str:
    attribute = ATTRIBUTE_TITLES.get(row["attribute"], row["attribute"]).split(" (")[0]
    return _safe(f"{attribute} {row['group']}")


def _groups(rows: Sequence[Mapping[str, Any]]) -> ExactTable:
    head = ["group", "n", "positives", *(TITLES[m] for m in TITLES)]
    cells = [[_group(row), str(row["n"]), str(row["positives"]), *(_bounds(row, m) for m in TITLES)] for row in rows]
    return ExactTable(heading="Every group, with 95 % intervals", head=head, rows=cells, alarms=0)


def _bounds(row: Mapping[str, Any], measure: str) -> str:
    if row.get(measure) is None:
        return str(row.get(f"{measure}_note") or "too few")
    low, high = row.get(f"{measure}_low"), row.get(f"{measure}_high")
    return f"{row[measure]:.2f}" + ("" if low is None else f" ({low:.2f} to {high:.2f})")


def _answers(rows: Sequence[Mapping[str, Any]]) -> ExactTable:
    cells = [[_group(row), str(row["n"]), _rate(row), "" if row.get("score_mean") is None else
              f"{row['score_mean']:.3f}"] for row in rows]  # fmt: skip
    head = ["group", "n", "positive decisions (95 %)", "mean score"]
    heading = "What the model answers in every group (no labels needed)"
    return ExactTable(heading=heading, head=head, rows=cells, alarms=0)


def _rate(row: Mapping[str, Any]) -> str:
    if row.get("decision_rate") is None:
        return "too few to tell"
    return f"{100 * row['decision_rate']:.0f} % ({100 * row['low']:.0f} to {100 * row['high']:.0f})"


def _forest(rows: Sequence[Mapping[str, Any]], measure: str, heading: str) -> list[Forest]:
    names = ("low", "high") if measure == "decision_rate" else (f"{measure}_low", f"{measure}_high")
    held = [row for row in rows if row.get(measure) is not None and row.get(names[0]) is not None]
    if not held:
        return []
    values = ([float(row[name]) for row in held] for name in (measure, *names))
    keys = ("values", "lows", "highs")
    labels = [f"{_group(row)} (n {rests_on(row, measure)})" for row in held]
    return [Forest(heading=heading, names=labels, **dict(zip(keys, values, strict=True)))]


def rests_on(row: Mapping[str, Any], measure: str) -> str:
    """The cases behind a figure of a group: the diseased, the healthy, or all of them."""
    n, positives = row["n"], row.get("positives")
    if measure == "sensitivity":
        return str(positives)
    if measure == "specificity" and isinstance(n, int) and isinstance(positives, int):
        return str(n - positives)
    return str(n)


def _write(metrics: Sequence[Any], seen: Look, target: Path) -> None:
    window, reference = (_dataset(side, seen) for side in (seen.window_side, seen.reference_side))
    snapshot = Report(list(metrics)).run(window, reference)
    write_text(target.with_suffix(".html"), snapshot.get_html_str(as_iframe=False))
    write_text(target.with_suffix(".json"), snapshot.json())


def _dataset(side: Side, seen: Look) -> Dataset:
    """The sample without day, patient or ids; an empty side gives one empty row, for Evidently takes no less."""
    columns = [*(c.name for c in WATCHED)]
    rows = stratified(side.rows, seen.case.monitor.sample)[columns].reset_index(drop=True)
    words = [name for name in columns if name not in GRIDS]
    rows[words] = rows[words].fillna(MISSING)
    if rows.empty:
        rows = pd.DataFrame([{name: MISSING if name in words else 0.0 for name in columns}])
    numbers = [name for name in columns if BY_NAME[name].numeric]
    return Dataset.from_pandas(rows, DataDefinition(numerical_columns=numbers, categorical_columns=words))
