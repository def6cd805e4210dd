"""The evaluation of a segmenter as one HTML page that needs nothing else: the verdict, the pictures, the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from radloop.evaluation.gates import told
from radloop.evaluation.names import OVERLAP_MEASURES
from radloop.evaluation.overlap import ALL, OVERLAP_TITLES, Overlap
from radloop.evaluation.report import (
    cell_of,
    gate_section,
    page_of,
    picture_of,
    plain_of,
    short_of,
    table_of,
    under_headings,
)
from radloop.gate import Gate
from radloop.intervals import Interval
from radloop.params import Segmentation

#: Pictures that take the whole width.
MONTAGES = ("worst", "best")


@dataclass(frozen=True)
class Judged:
    """All that the page of a segmenter tells: figures of the model and of the plain baseline, and their difference."""

    case: Segmentation
    found: Overlap
    baseline: Overlap
    difference: Interval
    facts: dict[str, Any] = field(default_factory=dict)


def write_overlap_report(judged: Judged, gate: Gate, figures: Sequence[Path]) -> str:
    """The page as HTML, with the pictures in it, so that it can be sent and archived alone."""
    found, case = judged.found, judged.case
    title = f"Evaluation: {case.task.title}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">Model bundle <code>{escape(short_of(judged.facts.get("bundle")))}</code>, judged on '
        f"{found.dice.n} held-out cases of {found.dice.clusters} patients.</p>",
        f'<div class="verdict {"open" if gate.open else "closed"}">{escape(overlap_sentence(gate, found))}</div>',
        _pictures("wide", [path for path in figures if path.stem in MONTAGES]),
        *gate_section(gate), *_figures(judged), *_states(found),
        _pictures("pictures", [path for path in figures if path.stem not in MONTAGES]),
        *_subgroups(found), *_method(judged),
    ]  # fmt: skip
    return page_of(title, parts)


def overlap_sentence(gate: Gate, found: Overlap) -> str:
    """The gate and the model in one sentence for people."""
    return told(gate, f"on {found.dice.n} held-out cases the model reaches a mean Dice of {found.dice}")


def _pictures(kind: str, paths: Sequence[Path]) -> str:
    return f'<div class="{kind}">' + "".join(picture_of(path) for path in paths) + "</div>"


def _figures(judged: Judged) -> list[str]:
    section = judged.case.overlap
    rows = [
        [escape(name if name != ALL else "all, mean of a case"), str(measures["dice"].n),
         *(cell_of(measures[measure]) for measure in OVERLAP_MEASURES)]
        for name, measures in judged.found.measures.items()
    ]  # fmt: skip
    other = judged.baseline.measures[ALL]
    rows.append(["average of the training masks", str(other["dice"].n), *(cell_of(other[m]) for m in OVERLAP_MEASURES)])
    heads = ["Structure", "Cases", *(OVERLAP_TITLES[measure] for measure in OVERLAP_MEASURES)]
    note = (
        f'<p class="soft small">Means with {section.confidence:.0%} intervals. Surfaces within '
        f"{section.tolerance_mm:g} mm count as the same. Model less average of the training masks, Dice: "
        f"{escape(str(judged.difference))} ({section.comparison_confidence:.0%}, paired).</p>"
    )
    return ["<h2>All figures</h2>", table_of(heads, rows, numbers=(1, 2, 3, 4, 5)), note]


def _states(found: Overlap) -> list[str]:
    kinds = ("found", "missed", "invented", "absent")
    rows = [[escape(name), *(str(counts.get(kind, 0)) for kind in kinds)] for name, counts in found.states.items()]
    return ["<h2>Found and missed</h2>", table_of(["Structure", *kinds], rows, numbers=(1, 2, 3, 4))]


def _subgroups(found: Overlap) -> list[str]:
    if found.subgroups.empty:
        return ["<h2>Subgroups</h2>", '<p class="soft">The source tells neither sex, age, site nor scanner.</p>']
    rows = under_headings(
        found.subgroups, lambda row: [escape(str(row["group"])), str(row["n"]), str(row["patients"]), _dice(row)]
    )
    return ["<h2>Subgroups</h2>", table_of(["Group", "Cases", "Patients", "Dice"], rows, numbers=(1, 2, 3))]


def _dice(row: dict[Any, Any]) -> str:
    if pd.isna(row["dice"]):
        return f'<span class="few">{escape(row["dice_note"] or "unknown")}</span>'
    return f"{row['dice']:.3f} ({row['dice_low']:.3f} to {row['dice_high']:.3f})"


def _method(judged: Judged) -> list[str]:
    section = judged.case.overlap
    rows = [[escape(key.replace("_", " ")), escape(plain_of(value))] for key, value in sorted(judged.facts.items())]
    text = (
        f"Cases of one patient are alike, so every interval is of {section.bootstrap:,} bootstrap replicates of "
        "patients. A structure that is missed, or seen where there is none, has a Dice of 0 and no distance; one that "
        "is in neither mask has no figure. The average of the training masks looks at no image: a model that does not "
        "beat it has learnt where things lie, not what they look like."
    )
    return ["<h2>How this was made</h2>", f'<p class="small">{escape(text)}</p>', table_of(["Fact", ""], rows)]
