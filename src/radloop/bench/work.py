"""The jobs of the loop that DVC does not run, or not without an open gate: `python -m radloop.bench.work JOB USE_CASE`.

The bench starts it in its folder, so that each is measured as a process of its own, its imports with it. Prefect and
MLflow have no part in them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from radloop.bench.setting import KEY, Setting
from radloop.bundle import load_bundle
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.predictions import PredictionLog
from radloop.serving.deploy import smoke, smoke_cases
from radloop.serving.infer import score_source
from radloop.serving.reader import Served
from radloop.settings import load_settings
from radloop.sources import open_source
from radloop.stages import reference as keep_reference


def ingest(setting: Setting, use_case: str) -> None:
    """Strip the names of all training films and admit them to the snapshot."""
    setting.admit(use_case, "simulated", setting.folder / "incoming" / "training")


def reference(setting: Setting, use_case: str) -> None:
    """Keep what monitoring compares with, whatever the gate says of a model that was trained for the clock."""
    keep_reference.run(setting.case(use_case), setting.paths)


def deploy(setting: Setting, use_case: str) -> None:
    """Try the bundle out on its smoke set. Raises GateClosed where it fails."""
    knobs = setting.case(use_case).deploy
    bundle = load_bundle(setting.paths.stage(use_case, "package") / "bundle")
    smoke(bundle, smoke_cases(setting.paths, use_case, knobs.smoke_cases), knobs).require(use_case)


def infer(setting: Setting, use_case: str) -> None:
    """Score a month into the prediction log, keep its inputs, and seal it."""
    served = Served(use_case, "1", load_bundle(setting.paths.stage(use_case, "package") / "bundle"))
    studies = open_source("simulated", setting.folder / "incoming" / "july", Pseudonyms(KEY))
    log = PredictionLog(setting.settings.log)
    with closing(log):
        score_source(studies, served, log, setting.settings)
    log.seal()


WORK: dict[str, Callable[[Setting, str], None]] = {
    "ingest": ingest, "reference": reference, "deploy": deploy, "infer": infer,
}  # fmt: skip

if __name__ == "__main__":
    WORK[sys.argv[1]](Setting(Path.cwd(), load_settings()), sys.argv[2])
