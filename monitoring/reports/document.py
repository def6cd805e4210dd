"""A look as one JSON document: what machines read, and what the index page is made from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from monitoring.columns import DEMOGRAPHIC, QUESTIONS, SMALLEST_CELL, WATCHED, Watched
from monitoring.detectors.bias import answers, figures
from monitoring.detectors.effects import aligned, deciles, jensen_shannon, stability_index, wasserstein
from monitoring.findings import Finding, alarms
from monitoring.looks import Look
from monitoring.sides import Side
from monitoring.verdict import title
from monitoring.windows import SAMPLE_RULE
from radloop.sketches import Counts

#: Version of this document's shape.
SHAPE = 1


def document(seen: Look) -> dict[str, Any]:
    """Everything that a look found, as plain values, without any id of a patient, study or prediction."""
    window = seen.window
    told: dict[str, Any] = jsonable(
        {
            "shape": SHAPE,
            "use_case": seen.case.name,
            "title": seen.case.task.title,
            "window": {"start": str(window.start), "end": str(window.end), "name": window.name},
            "created": seen.created.isoformat(timespec="seconds"),
            "verdict": str(seen.verdict),
            "sentence": seen.sentence,
            "causes": [{**f.to_json(), "title": title(f)} for f in seen.causes],
            "about": dict(seen.about),
            "counts": {"window": counts(seen.window_side), "reference": counts(seen.reference_side)},
            "sample": {"at_most": seen.case.monitor.sample, "rule": SAMPLE_RULE.format(seed=0)},
            "rates": dict(seen.rates),
            "knobs": seen.case.monitor.model_dump(),
            "streams": streams(seen),
            "columns": [described(c, seen) for c in WATCHED],
            "tests": [f.to_json() for f in seen.findings],
            "performance": [asdict(m) for m in seen.measured],
            "subgroups": figures(seen.window_side, seen.case).to_dict("records") if seen.measured else [],
            "answers": answers(seen.window_side, seen.case).to_dict("records") if seen.window_side.n else [],
        }
    )
    return told


def counts(side: Side) -> dict[str, int]:
    """How much one side holds."""
    return {"images": side.n, "patients": side.patients, "labelled": side.labelled}


def streams(seen: Look) -> list[dict[str, Any]]:
    """One row per stream: its question, whether it moved (None where nothing could be asked), and the top cause."""
    rows = []
    for stream, question in QUESTIONS.items():
        asked = [f for f in seen.findings if f.stream == stream and f.grade != "note"]
        found = alarms(asked)
        rows.append(
            {
                "stream": stream,
                "question": question,
                "moved": bool(found) if asked else None,
                "tests": len(asked),
                "smallest_p": min((f.p for f in asked if f.p is not None), default=None),
                "top": _named(found[0]) if found else "",
            }
        )
    return rows


def described(column: Watched, seen: Look) -> dict[str, Any]:
    """How far one column moved, from the sketches of all rows: exact, and described only."""
    a, b = seen.reference_side.sketch, seen.window_side.sketch
    row: dict[str, Any] = {"column": column.name, "title": column.title, "stream": column.stream}
    if column.numeric:
        before, now = a.numbers[column.name], b.numbers[column.name]
        first, second = deciles(before, now)
        row |= {"unit": column.unit, "wasserstein_sd": wasserstein(before, now)}
        row |= {"reference": _centre(before.quantile(0.5), before.moments.std, before.missing)}
        row |= {"window": _centre(now.quantile(0.5), now.moments.std, now.missing)}
    else:
        left, right = a.categories[column.name], b.categories[column.name]
        first, second = aligned(left, right)
        row |= {"reference": _cells(left, column), "window": _cells(right, column)}
    return row | {"psi": stability_index(first, second), "jensen_shannon": jensen_shannon(first, second)}


def _centre(median: float, std: float, missing: int) -> dict[str, float]:
    return {"median": median, "std": std, "missing": missing}


def _cells(found: Counts, column: Watched) -> dict[str, int | str]:
    cells = {**found.counts, "(other)": found.other, "(missing)": found.missing}
    held = {name: count for name, count in cells.items() if count}
    if column.name not in DEMOGRAPHIC:
        return dict(held)
    return {name: count if count >= SMALLEST_CELL else f"<{SMALLEST_CELL}" for name, count in held.items()}


def _named(finding: Finding) -> str:
    return f"{title(finding)}: {finding.what}"


def jsonable(value: Any) -> Any:
    """Plain values with None for what is not a number, because JSON has no NaN."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [jsonable(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
