"""One simulated hospital from its seed to a judged bundle and two scored months, without servers."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from radloop.bench.setting import KEY, Setting, Size
from radloop.bundle import load_bundle
from radloop.demo.simulated import KNOBS, PER_MONTH, SIDE, STUDIES, periods
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.files import read_json
from radloop.gate import Gate, read_gate
from radloop.predictions import PredictionLog
from radloop.serving.infer import score_source
from radloop.serving.reader import Served
from radloop.settings import Settings, quiet_environment
from radloop.simulate.knobs import Hospital
from radloop.sources import open_source

#: As large as the demonstration, with its knobs.
DEMONSTRATION = Size(studies=STUDIES, month=PER_MONTH, side=SIDE, knobs=KNOBS)


@dataclass(frozen=True)
class Hospitalised:
    """What became of one seed: its gate, its reference, and the predictions of each month."""

    seed: int
    gate: Gate
    auroc: float
    reference: pd.DataFrame
    months: dict[str, pd.DataFrame]


def play(folder: Path, settings: Settings, seed: int, use_case: str, size: Size = DEMONSTRATION) -> Hospitalised:
    """Train, judge and run one hospital, exactly as the demonstration does but for servers and versioning.

    A closed gate still gets its months, from the same bundle, so that no seed drops out of the count.
    """
    setting = Setting(folder, settings, size.knobs)
    hospitals = {name: replace(hospital, image_size=size.side) for name, hospital in periods(seed).items()}
    training = setting.incoming(hospitals["training"], size.studies, "training")
    setting.admit(use_case, "simulated", training)
    for verb in ("validate", "split", "prepare", "train", "calibrate", "package", "predict", "evaluate"):
        command = [sys.executable, "-m", "radloop", "stage", verb, use_case]
        subprocess.run(command, cwd=folder, env=quiet_environment(), check=True, capture_output=True)
    judged = pd.read_parquet(setting.paths.stage(use_case, "predict") / "predictions.parquet")
    reference = judged[(judged["split"] == "test") & judged["label"].notna()].reset_index(drop=True)
    gate = read_gate(setting.paths.gate(use_case, "evaluate"))
    auroc = float(read_json(setting.paths.stage(use_case, "evaluate") / "metrics.json")["scalars"]["auroc"])
    served = Served(use_case, "1", load_bundle(setting.paths.stage(use_case, "package") / "bundle"))
    for name in ("july", "august"):
        setting.incoming(hospitals[name], size.month, name)
    months = {name: _score(setting, served, hospitals[name], name) for name in ("july", "august")}
    return Hospitalised(seed, gate, auroc, reference, months)


def _score(setting: Setting, served: Served, hospital: Hospital, name: str) -> pd.DataFrame:
    """One month's predictions, without labels: they have not come yet when the monitor looks."""
    studies = open_source("simulated", setting.folder / "incoming" / name, Pseudonyms(KEY))
    log = PredictionLog(setting.folder / "log")
    score_source(studies, served, log, setting.settings.model_copy(update={"keep_inputs": False}))
    return log.read(served.use_case, hospital.first_day, hospital.last_day).assign(label=None)
