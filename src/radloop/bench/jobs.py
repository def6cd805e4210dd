"""Each job of the loop as a whole process: its time and its memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from radloop.bench.clock import Measured, measure
from radloop.bench.setting import Setting
from radloop.simulate.knobs import Hospital

STUDIES, SIDE = 600, 512
#: Stages that are timed as DVC runs them; training is timed for two epochs.
STAGES = ("validate", "split", "prepare", "train", "calibrate", "package", "predict", "evaluate")
KNOBS: dict[str, object] = {
    "chest_pneumonia.train.epochs": 2,
    "chest_pneumonia.evaluate.auroc_floor": 0.0,
    "chest_pneumonia.evaluate.baseline_margin": -1.0,
}


def time_jobs(setting: Setting, use_case: str) -> Iterator[Measured]:
    """Time simulating, the command line, and every stage on `STUDIES` films of `SIDE` pixels."""
    python = sys.executable
    yield measure("help", "radloop --help", (python, "-m", "radloop", "--help"), setting.folder)
    yield time_simulation(setting)
    setting.admit(use_case, "simulated", setting.incoming(Hospital(image_size=SIDE), STUDIES, "training"))
    for verb in STAGES:
        command = (python, "-m", "radloop", "stage", verb, use_case)
        yield measure(verb, f"{STUDIES} films of {SIDE} px", command, setting.folder)


def time_simulation(setting: Setting) -> Measured:
    """Time the writing of simulated films, each run into a new folder."""
    runs = iter(range(1000))
    seen = [measure("simulate", "", (*_simulate(), f"films-{next(runs)}"), setting.folder, runs=1) for _ in range(3)]
    middle = sorted(seen, key=lambda one: one.seconds)[1]
    rate = 200 / middle.seconds
    what = f"200 films of {SIDE} px, {rate:.0f}/s with the start of the process"
    return Measured("simulate", what, middle.seconds, middle.memory, 3, middle.load)


def _simulate() -> tuple[str, ...]:
    return (sys.executable, "-m", "radloop", "simulate", "--studies", "200")
