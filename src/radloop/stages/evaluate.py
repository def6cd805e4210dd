"""Judge the packaged model on held-out patients, against plain baselines, and open or close its gate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radloop.errors import ConfigurationError
from radloop.evaluation.assessment import Assessment, assess, metrics_json, plain_rows
from radloop.evaluation.baselines import svm_scores
from radloop.evaluation.card import write_card
from radloop.evaluation.cases import labelled
from radloop.evaluation.figures import draw_all
from radloop.evaluation.gates import judge
from radloop.evaluation.report import write_report
from radloop.files import read_json, replacing, write_json, write_text
from radloop.gate import write_gate
from radloop.params import Classification, Paths
from radloop.quality.metadata import Scores, metadata_scores


def run(case: Classification, paths: Paths) -> None:
    """Write metrics.json, subgroups, figures, report.html, model_card.md and gate.json.

    Raises ConfigurationError where predictions and prepared images are not of the same records.
    """
    held_out = pd.read_parquet(paths.stage(case.name, "predict") / "predictions.parquet")
    index = pd.read_parquet(paths.stage(case.name, "prepare") / "index.parquet")
    check_records(held_out, index)
    trained_on = index[(index["split"] == "train") & index["label"].notna()]
    baselines = baseline_scores(case, paths, labelled(held_out, "test"), index)
    patients = set(trained_on["patient_id"])
    found = assess(case, held_out, baselines, patients, facts_of(case, paths, held_out, index))
    write_all(found, paths)


def check_records(held_out: pd.DataFrame, index: pd.DataFrame) -> None:
    """Make sure that each prediction is of one prepared image, once.

    Raises ConfigurationError with the counts where not.
    """
    twice = int(held_out["record_id"].duplicated().sum())
    unknown = int((~held_out["record_id"].isin(index["record_id"])).sum())
    broken = int((~np.isfinite(held_out["score"].to_numpy(dtype=float))).sum())
    if twice or unknown or broken:
        raise ConfigurationError(
            f"the predictions cannot be judged: {twice} records twice, {unknown} not among the prepared images, "
            f"{broken} scores not finite; each prepared image has one finite score.",
            "run the stages prepare to predict again",
        )


def baseline_scores(case: Classification, paths: Paths, cases: pd.DataFrame, index: pd.DataFrame) -> dict[str, Scores]:
    """Scores of both baselines for `cases` in their order; none where training or test lacks a class."""
    train = index[(index["split"] == "train") & index["label"].notna()]
    if train["label"].nunique() < 2 or cases["label"].nunique() < 2:
        return {}
    images = np.load(paths.stage(case.name, "prepare") / "images.npy", mmap_mode="r")
    tested = index.set_index("record_id").loc[cases["record_id"]]
    labels = train["label"].to_numpy().astype(bool)
    section = case.evaluate
    return {
        "metadata": metadata_scores(train, labels, tested, section.seed),
        "svm": svm_scores(
            images[train["row"].to_numpy()], labels, train["patient_id"], images[tested["row"].to_numpy()], section
        ),
    }


def facts_of(case: Classification, paths: Paths, held_out: pd.DataFrame, index: pd.DataFrame) -> dict[str, Any]:
    """What report and card say of the model besides its figures."""
    training = read_json(paths.stage(case.name, "train") / "training.json")
    sources = sorted(index["source"].dropna().unique().tolist()) if "source" in index else []
    thresholds = held_out["threshold"].unique()
    return {
        **{f"training_{key}": value for key, value in training.items()},
        "bundle": (paths.stage(case.name, "package") / "bundle.sha256").read_text().strip(),
        "sources": sources,
        "simulated": any("simulat" in name for name in sources),
        "threshold": float(thresholds[0]) if len(thresholds) == 1 else None,
        "rows": {str(split): int(count) for split, count in index["split"].value_counts().sort_index().items()},
    }


def write_all(found: Assessment, paths: Paths) -> None:
    """Write every output of the stage, whole or not at all."""
    gate = judge(found)
    with replacing(paths.stage(found.case.name, "evaluate")) as folder:
        figures = draw_all(found, folder / "figures")
        write_json(folder / "metrics.json", metrics_json(found, gate.open))
        found.subgroups.to_parquet(folder / "subgroups.parquet", index=False)
        tables = {"subgroups": plain_rows(found.subgroups), "gaps": plain_rows(found.gaps)}
        write_json(folder / "subgroups.json", tables)
        write_text(folder / "report.html", write_report(found, gate, figures))
        write_text(folder / "model_card.md", write_card(found, gate))
        write_gate(folder / "gate.json", gate)
