"""Overlap: a segmenter judged on held-out cases: figures with intervals, pictures of best and worst, and the gate."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radloop.evaluation.assessment import plain_rows
from radloop.evaluation.names import BOUNDS
from radloop.evaluation.overlap import ALL, Overlap, assess_overlap, paired_difference
from radloop.evaluation.overlap_gate import judge_overlap
from radloop.evaluation.overlap_report import Judged, overlap_sentence, write_overlap_report
from radloop.evaluation.overlays import Shown, montage_figure, spread_figure, volume_figure
from radloop.evaluation.uses import hash_of_test_set
from radloop.files import read_json, replacing, write_json, write_text
from radloop.gate import Gate, write_gate
from radloop.params import Paths, Segmentation
from radloop.segmentation.store import INDEX
from radloop.stages.delineate import ATLAS, MODEL

#: Cases in a montage.
SHOWN = 8


def run(case: Segmentation, paths: Paths) -> None:
    """Write metrics.json, measures.parquet, subgroups.json, figures, report.html, model_card.md and gate.json."""
    predicted = paths.stage(case.name, "delineate")
    measures = pd.read_parquet(predicted / "measures.parquet")
    records = pd.read_parquet(predicted / "predictions.parquet")
    model, atlas = (measures[measures["by"] == name].reset_index(drop=True) for name in (MODEL, ATLAS))
    found, baseline = (assess_overlap(table, records, case.overlap) for table in (model, atlas))
    judged = Judged(case, found, baseline, difference_of(model, atlas, case), facts_of(case, paths))
    gate = judge_overlap(case, found, judged.difference, shared_patients(case, paths, records))
    with replacing(paths.stage(case.name, "overlap")) as folder:
        figures = draw(folder / "figures", predicted, found, case)
        write_json(folder / "metrics.json", metrics_of(judged, gate, records))
        write_json(folder / "subgroups.json", {"subgroups": plain_rows(found.subgroups)})
        model.to_parquet(folder / "measures.parquet", index=False)
        write_text(folder / "report.html", write_overlap_report(judged, gate, figures))
        write_text(folder / "model_card.md", card_of(judged, gate))
        write_gate(folder / "gate.json", gate)


def difference_of(model: pd.DataFrame, atlas: pd.DataFrame, case: Segmentation) -> Any:
    """Mean Dice of each case by the model less that by the average of the training masks, paired."""
    one, other = (table.groupby("case")["dice"].mean() for table in (model, atlas))
    patients = model.drop_duplicates("case").set_index("case")["patient_id"]
    return paired_difference(one, other[one.index], patients[one.index], case.overlap)


def shared_patients(case: Segmentation, paths: Paths, records: pd.DataFrame) -> int:
    """Test patients that taught the model."""
    index = pd.read_parquet(paths.stage(case.name, "resample") / INDEX)
    return len(set(records["patient_id"]) & set(index.loc[index["split"] == "train", "patient_id"]))


def facts_of(case: Segmentation, paths: Paths) -> dict[str, Any]:
    """What report and card say of the model besides its figures."""
    training = read_json(paths.stage(case.name, "segment") / "training.json")
    records = pd.read_parquet(paths.stage(case.name, "delineate") / "predictions.parquet", columns=["source"])
    sources = sorted(records["source"].unique().tolist())
    return {
        **{f"training_{key}": value for key, value in training.items()},
        "bundle": (paths.stage(case.name, "export") / "bundle.sha256").read_text().strip(),
        "sources": sources,
        "simulated": any("simulat" in name for name in sources),
    }


def draw(folder: Path, predicted: Path, found: Overlap, case: Segmentation) -> list[Path]:
    """Best and worst cases, the spread of Dice, and volumes, as PNG in reading order."""
    folder.mkdir(parents=True)
    dice = found.table.groupby("case")["dice"].mean().dropna().sort_values()
    names = list(case.task.labels.values())
    picked = {"worst": dice.head(SHOWN), "best": dice.tail(min(SHOWN, len(dice) // 2)).iloc[::-1]}
    figures = {
        name: montage_figure(
            [shown(predicted / "slices" / f"{one}.npz", value) for one, value in some.items()],
            names, f"The {len(some)} cases with the {'lowest' if name == 'worst' else 'highest'} Dice",
        )
        for name, some in picked.items() if len(some)
    }  # fmt: skip
    figures |= {"dice": spread_figure(found.table), "volumes": volume_figure(found.table)}
    paths = []
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=120, metadata={"Software": None})
        paths.append(folder / f"{name}.png")
    return paths


def shown(path: Path, dice: float) -> Shown:
    """One case of a montage; the pseudonym of its patient is in the tables, not in a picture."""
    with np.load(path, allow_pickle=False) as kept:
        i, j, k = (float(side) for side in kept["spacing"])
        return Shown(f"Dice {dice:.3f}", kept["image"], kept["truth"], kept["answer"], (i, j, k))


def metrics_of(judged: Judged, gate: Gate, records: pd.DataFrame) -> dict[str, Any]:
    """The content of metrics.json: `scalars` are what histories compare, the rest is what they came from."""
    found = judged.found
    scalars: dict[str, float | None] = {
        "n": found.dice.n, "patients": found.dice.clusters, "gate_open": int(gate.open),
    }  # fmt: skip
    intervals = dict(found.measures[ALL]) | {"difference_atlas": judged.difference}
    intervals |= {f"dice_{at}": found.measures[name]["dice"] for at, name in judged.case.task.labels.items()}
    for name, interval in intervals.items():
        scalars |= dict(zip((f"{name}{b}" for b in BOUNDS), (interval.value, interval.low, interval.high), strict=True))
    return {
        "use_case": judged.case.name,
        "bundle": judged.facts["bundle"],
        "test_set_sha256": hash_of_test_set(records["case"]),
        "scalars": {name: float(value) for name, value in scalars.items() if value is not None},
        "measures": {s: {m: asdict(one) for m, one in measures.items()} for s, measures in found.measures.items()},
        "states": found.states,
        "baseline": {name: asdict(one) for name, one in judged.baseline.measures[ALL].items()},
        "warnings": [],
        "facts": judged.facts,
    }


def card_of(judged: Judged, gate: Gate) -> str:
    """What the model is for and how well it does it, in Markdown."""
    case = judged.case
    lines = [
        f"# Model card: {case.task.title}", "", overlap_sentence(gate, judged.found), "", "## Intended use", "",
        f"Delineates {', '.join(case.task.labels.values())} on {' and '.join(case.task.images)} volumes, as an aid to "
        "a radiologist. It has no regulatory clearance and must not decide alone.", "", "## Performance", "",
        "| Structure | Cases | Dice | Surface Dice | Hausdorff 95 (mm) |", "| --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for name, measures in judged.found.measures.items():
        cells = [str(measures[measure]) for measure in ("dice", "surface_dice", "hausdorff_95_mm")]
        lines.append(f"| {name} | {measures['dice'].n} | " + " | ".join(cells) + " |")
    lines += ["", "## Gate", "", "| Rule | | Seen | Asked |", "| --- | --- | --- | --- |"]
    for check in gate.checks:
        verdict = "holds" if check.holds else "does not hold"
        lines.append(f"| {check.name.replace('_', ' ')} | {verdict} | {check.seen} | {check.rule} |")
    return "\n".join(lines) + "\n"
