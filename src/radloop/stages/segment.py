"""Segment: the planned network on patches of the training cases, resumable to the bit after any death."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors.torch import save_file

import radloop.modeling
import radloop.segmentation
from radloop.files import replacing, sha256_file, write_json
from radloop.modeling.checkpoint import Checkpoints, code_hash, key_of
from radloop.modeling.determinism import choose_device
from radloop.modeling.fit import Machine
from radloop.modeling.journal import METRICS, Journal
from radloop.params import Paths, Segmentation
from radloop.segmentation.fit import Taught, fit_segmenter
from radloop.segmentation.plan import Plan
from radloop.segmentation.store import INDEX, LABELS, VOXELS, open_cases
from radloop.settings import load_settings
from radloop.stages.plan import PLAN
from radloop.stages.train import ending_on_sigterm, versions


def run(case: Segmentation, paths: Paths) -> None:
    """Train one use case's segmenter and choose its best epoch on validation.

    Writes model.safetensors, metrics.jsonl and training.json; checkpoints and the growing metrics.jsonl lie in
    `paths.live`. Raises ConfigurationError where the disk is full.
    """
    resampled, live = paths.stage(case.name, "resample"), paths.live(case.name)
    made = Plan.from_yaml((paths.stage(case.name, "plan") / PLAN).read_text())
    index = pd.read_parquet(resampled / INDEX)
    index = index[index["rejected"].isna()]
    splits = tuple(
        open_cases(resampled, index[index["split"] == split], made.channels, case.segment.seed)
        for split in ("train", "validation")
    )
    data = [sha256_file(resampled / name) for name in (VOXELS, LABELS, INDEX)]
    key = key_of(case.segment.model_dump(mode="json"), made.model_dump(mode="json"), data, own_code())
    settings = load_settings()
    machine = Machine(choose_device(settings.device), settings.threads)
    checkpoints = Checkpoints(live, key)
    with ending_on_sigterm():
        taught = fit_segmenter(made, case.segment, (splits[0], splits[1]), machine, checkpoints, Journal(live))
    with replacing(paths.stage(case.name, "segment")) as folder:
        save_file({name: value.contiguous() for name, value in taught.weights.items()}, folder / "model.safetensors")
        write_json(folder / "training.json", notes_of(taught, made, index, machine))
        shutil.copyfile(live / METRICS, folder / METRICS)
    checkpoints.clear()


def own_code() -> str:
    """Hash of the code that decides what a training computes."""
    rooms = [Path(str(room.__file__)).parent for room in (radloop.modeling, radloop.segmentation)]
    return code_hash(*rooms, Path(__file__))


def notes_of(taught: Taught, made: Plan, index: pd.DataFrame, machine: Machine) -> dict[str, Any]:
    """What must be known of a training to build, judge and trace its network."""
    training = index[index["split"] == "train"]
    return {
        "network": made.segmenter.to_json(),
        "device": machine.device.type,
        "threads": taught.threads,
        "parameters": made.parameters,
        "epochs": len(taught.history),
        "best_epoch": taught.best_epoch,
        "validation_dice": taught.history[taught.best_epoch - 1]["validation_dice"],
        "cases": len(training),
        "patients": int(training["patient_id"].nunique()),
        "versions": versions(),
    }
