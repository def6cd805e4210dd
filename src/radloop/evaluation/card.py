"""The model card: what the model is for, what it was made from, what it can and cannot do, in plain words.

Source of the headings: Mitchell 2019, "Model cards for model reporting".
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from radloop.evaluation.assessment import Assessment, warnings_of
from radloop.evaluation.gates import sentence
from radloop.evaluation.names import ATTRIBUTE_TITLES, BASELINE_TITLES, SUBGROUP_MEASURES, TITLES
from radloop.gate import Gate


def write_card(found: Assessment, gate: Gate) -> str:
    """The card as Markdown."""
    parts = [
        f"# Model card: {found.case.task.title}", "", sentence(gate, found), "",
        *_model(found), *_use(found), *_data(found), *_figures(found), *_baselines(found), *_groups(found),
        *_limits(found), *_gate(gate),
    ]  # fmt: skip
    return "\n".join(parts).rstrip() + "\n"


def _model(found: Assessment) -> list[str]:
    rows = [["Use case", f"`{found.case.name}`"]]
    rows += [[key.replace("_", " "), _plain(value)] for key, value in sorted(found.facts.items()) if key != "rows"]
    return ["## Model", "", *_table(["Fact", "Value"], rows), ""]


def _use(found: Assessment) -> list[str]:
    accepts = found.case.task.accepts
    return [
        "## Intended use", "",
        f"Gives the probability of *{found.case.task.finding}* for one image, and a decision at a fixed threshold, "
        "as an aid to a radiologist. It has no regulatory clearance and must not decide alone.", "",
        f"It answers about modality {_plain(accepts.modality)}, body part {_plain(accepts.body_part)}, view "
        f"{_plain(accepts.view)}, at least {accepts.smallest_side} pixels a side, and refuses anything else.", "",
    ]  # fmt: skip


def _data(found: Assessment) -> list[str]:
    rows = [[split, str(count)] for split, count in found.facts.get("rows", {}).items()]
    patients = found.cases["patient_id"].nunique()
    return [
        "## Data", "", f"Source: {_plain(found.facts.get('sources', []))}. No patient is in two splits.", "",
        *_table(["Split", "Images"], rows), "",
        f"Judged on {len(found.cases)} labelled test images of {patients} patients, "
        f"{found.prevalence:.1%} with the finding.", "",
    ]  # fmt: skip


def _figures(found: Assessment) -> list[str]:
    rows = [[TITLES[name], str(one), str(one.n), str(one.clusters)] for name, one in found.measures.items()]
    level = f"{found.case.evaluate.confidence:.0%}"
    return ["## Performance", "", *_table(["Figure", f"Value ({level} interval)", "n", "Patients"], rows), ""]


def _baselines(found: Assessment) -> list[str]:
    rows = [
        [BASELINE_TITLES[name], str(one.auroc), str(one.difference), "yes" if one.beaten else "no"]
        for name, one in found.comparisons.items()
    ]
    return ["## Against plain baselines", "", *_table(["Baseline", "AUROC", "Model minus this", "Beaten"], rows), ""]


def _groups(found: Assessment) -> list[str]:
    rows = [
        [ATTRIBUTE_TITLES[row["attribute"]], str(row["group"]), str(row["n"]), str(row["positives"]),
         *(_group_cell(row, name) for name in SUBGROUP_MEASURES)]
        for row in found.subgroups.to_dict("records")
    ]  # fmt: skip
    heads = ["Attribute", "Group", "n", "Positives", *(TITLES[name] for name in SUBGROUP_MEASURES)]
    return ["## Subgroups", "", *_table(heads, rows), ""]


def _limits(found: Assessment) -> list[str]:
    known = [
        "The figures hold for patients and scanners like those of the test set; elsewhere they must be measured.",
        "Labels are those of the source and carry its errors.",
    ]
    return ["## Warnings and limits", "", *(f"- {text}" for text in [*warnings_of(found), *known]), ""]


def _gate(gate: Gate) -> list[str]:
    rows = [
        [check.name.replace("_", " "), "holds" if check.holds else "does not hold", str(check.seen), check.rule]
        for check in gate.checks
    ]
    return ["## Gate", "", *_table(["Rule", "", "Seen", "Asked"], rows)]


def _group_cell(row: dict[Any, Any], name: str) -> str:
    if pd.isna(row[name]):
        return str(row[f"{name}_note"] or "unknown")
    bounds = "" if pd.isna(row[f"{name}_low"]) else f" ({row[f'{name}_low']:.2f} to {row[f'{name}_high']:.2f})"
    return f"{row[name]:.2f}{bounds}"


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(inner) for inner in value) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
