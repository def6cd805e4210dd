"""The whole loop over planted films in an installation of its own, and a search of every file it wrote."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from radloop.errors import ConfigurationError
from radloop.files import write_text
from radloop.params import Params
from radloop.progress import progress_bar
from radloop.selftest.films import plant_films
from radloop.selftest.traces import Needles, search
from radloop.settings import Settings, orchestration, strange_environment
from radloop.workspace import Workspace

CASE = "chest_pneumonia"
TRAINING, MONTH = 140, 40
HOME, FILMS, SAID = "installation", "films", "said"
#: Gates as wide as they go and the smallest training: what is judged is what the loop writes, not what it learns.
KNOBS: dict[str, object] = {
    "prepare.size": 64, "train.epochs": 6, "train.batch_size": 16, "train.patience": 50,
    "task.accepts.smallest_side": 64, "validate.smallest_side": 64, "validate.smallest_rows": 20,
    "split.largest_imbalance": 0.5,
    "evaluate.auroc_floor": 0.0, "evaluate.baseline_margin": -1.0, "evaluate.largest_calibration_error": 1.0,
    "evaluate.smallest_group": 5, "evaluate.svm_rows": 20, "evaluate.svm_side": 4, "evaluate.bootstrap": 1000,
    "monitor.smallest_window": 20, "register.approvals": 0,
}  # fmt: skip


def run_loop(folder: Path, seed: int, settings: Settings) -> tuple[int, dict[str, set[str]]]:
    """Ingest, train, deploy, infer and monitor below `folder`, each with Prefect's own server; then search it all.

    Returns how many files the loop left, and for each that tells something, what it tells. Raises ConfigurationError
    where a step does not end well: an unfinished loop proves nothing.
    """
    knobs = Params.load(settings.project).deidentify
    with progress_bar("planting films", TRAINING + MONTH) as advance:
        words = plant_films(folder / FILMS / "training", range(TRAINING), seed, knobs, advance)
        month = range(TRAINING, TRAINING + MONTH)
        words |= plant_films(folder / FILMS / "month", month, seed, knobs, advance)
    needles, home = Needles(words), folder / HOME
    place = Workspace(_alone(settings, home))
    place.override({f"{CASE}.{knob}": value for knob, value in KNOBS.items()})
    place.synchronise()
    before = search(home, needles)[1]  # the project's own files: nothing planted has come yet
    steps = _steps(folder / FILMS)
    with progress_bar("playing the loop", len(steps)) as advance:
        for step in steps:
            _play(place.settings, step)
            advance(1)
    files, found = search(home, needles)
    told = {name: words - before.get(name, set()) for name, words in found.items()}
    return files, {name: words for name, words in told.items() if words}


def _steps(films: Path) -> list[list[str]]:
    day = "2024-07-10"
    return [
        ["ingest", CASE, "-p", "source=dicom_folder", "-p", f"folder={films / 'training'}"],
        ["train", CASE],
        ["deploy", CASE],
        ["infer", CASE, "-p", "source=dicom_folder", "-p", f"folder={films / 'month'}", "-p", f"received_on={day}"],
        ["monitor", CASE, "-p", "start=2024-07-01", "-p", "end=2024-07-31"],
    ]


def _alone(settings: Settings, home: Path) -> Settings:
    """Another installation of the same project: no server, store or key of the user's own."""
    return Settings(
        project=settings.project, home=home, workers=settings.workers, pseudonym_key=None, dvc_remote=None,
        mlflow_uri=None, mlflow_page=None, prefect_url=None, drop=None,
    )  # fmt: skip


def _play(settings: Settings, step: list[str]) -> None:
    """One step as a person would type it; what it says is kept, and searched like the rest."""
    own = {"RADLOOP_WORKERS": str(settings.workers), "RADLOOP_THREADS": "1"}
    command = [sys.executable, "-m", "radloop", "run", *step]
    done = subprocess.run(
        command, cwd=settings.project, env=strange_environment(**orchestration(settings), **own), text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    said = settings.root / SAID / f"{step[0]}.txt"
    said.parent.mkdir(exist_ok=True)
    write_text(said, done.stdout + done.stderr)
    if done.returncode:
        raise ConfigurationError(f"{step[0]} ended with {done.returncode}", f"read {said}")
