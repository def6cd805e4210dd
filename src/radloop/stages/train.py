"""Train: the network on the prepared images, resumable to the bit after any death."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors.torch import save_file

import radloop.imaging
import radloop.modeling
from radloop.files import replacing, write_json
from radloop.modeling.checkpoint import Checkpoints, code_hash, key_of
from radloop.modeling.dataset import Labelled, select
from radloop.modeling.determinism import choose_device
from radloop.modeling.fit import JUDGED_AT_ONCE, Fitted, Machine, fit
from radloop.modeling.journal import METRICS, Journal
from radloop.modeling.networks import Network
from radloop.modeling.prepared import fingerprint, open_prepared
from radloop.params import Classification, Paths
from radloop.settings import load_settings

VALIDATION = "validation.safetensors"


def run(case: Classification, paths: Paths) -> None:
    """Train one use case's network and choose its best epoch on validation.

    Writes model.safetensors, validation.safetensors (logit, embedding and label of the validation images, in the order
    of the index), metrics.jsonl and training.json. Checkpoints and the growing metrics.jsonl lie in `paths.live`.
    Raises GateClosed where a split shows one class only, ConfigurationError where the disk is full.
    """
    prepared, live = paths.stage(case.name, "prepare"), paths.live(case.name)
    images, index = open_prepared(prepared)
    splits = select(images, index, "train"), select(images, index, "validation")
    spec = Network(case.train.network, case.train.conv1_stride, images.shape[-1], case.train.filters)
    checkpoints = Checkpoints(live, key_of(case.train.model_dump(mode="json"), fingerprint(prepared), own_code()))
    settings = load_settings()
    machine = Machine(choose_device(settings.device), settings.threads)
    with ending_on_sigterm():
        fitted = fit(spec, case.train, splits, machine, checkpoints, Journal(live))
    with replacing(paths.stage(case.name, "train")) as folder:
        write_fitted(folder, fitted, splits[1])
        write_json(folder / "training.json", notes_of(fitted, spec, index, machine))
        shutil.copyfile(live / METRICS, folder / METRICS)
    checkpoints.clear()


def own_code() -> str:
    """Hash of the code that decides what a training computes."""
    rooms = [Path(str(room.__file__)).parent for room in (radloop.modeling, radloop.imaging)]
    return code_hash(*rooms, Path(__file__))


def write_fitted(folder: Path, fitted: Fitted, validation: Labelled) -> None:
    """Write the weights, and what they say of the validation images, so that calibrating needs no network."""
    from safetensors.numpy import save_file as save_arrays

    weights = {name: value.contiguous() for name, value in fitted.weights.items()}
    save_file(weights, folder / "model.safetensors")
    arrays = {"logit": fitted.logit, "embedding": fitted.embedding, "label": validation.labels, "row": validation.rows}
    save_arrays(arrays, folder / VALIDATION)


def notes_of(fitted: Fitted, spec: Network, index: pd.DataFrame, machine: Machine) -> dict[str, Any]:
    """What must be known of a training to build, judge and trace its network."""
    taught = index[(index["split"] == "train") & index["label"].notna()]
    return {
        "network": spec.to_json(),
        "device": machine.device.type,
        "threads": fitted.threads,
        "batch_shape": [JUDGED_AT_ONCE, 1, spec.size, spec.size],
        "epochs": len(fitted.history),
        "best_epoch": fitted.best_epoch,
        "validation_auroc": fitted.history[fitted.best_epoch - 1]["validation_auroc"],
        "images": len(taught),
        "patients": int(taught["patient_id"].nunique()),
        "positives": int(taught["label"].astype(bool).sum()),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Of what a training computes with."""
    return {name: version(name) for name in ("torch", "monai", "numpy")} | {"python": sys.version.split()[0]}


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Let a polite kill unwind, so that no half-written file is left; the checkpoint says how to go on."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
