from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml
from safetensors.numpy import load_file

from radloop.errors import GateClosed
from radloop.files import read_json
from radloop.params import override
from radloop.settings import PROJECT, quiet_environment
from radloop.stages import run_stage

from .conftest import CASE, found_hospital


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_training_learns_what_the_films_show(hospital) -> None:
    history = lines(hospital.out("train") / "metrics.jsonl")
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert max(row["validation_auroc"] for row in history) > 0.75


def test_training_says_what_is_needed_to_build_and_trace_the_network(hospital) -> None:
    notes = read_json(hospital.out("train") / "training.json")
    known = {"name": "resnet10", "conv1_stride": 2, "size": 32, "filters": 64, "slices": 0, "findings": 1}
    assert notes["network"] == known
    assert notes["threads"] == 1 and notes["batch_shape"] == [64, 1, 32, 32]
    assert notes["patients"] == notes["images"] == 90 and notes["positives"] == 30


def test_the_kept_weights_are_those_of_the_best_epoch(hospital) -> None:
    notes = read_json(hospital.out("train") / "training.json")
    history = lines(hospital.out("train") / "metrics.jsonl")
    assert notes["validation_auroc"] == max(row["validation_auroc"] for row in history)
    answers = load_file(hospital.out("train") / "validation.safetensors")
    assert answers["embedding"].shape == (len(answers["logit"]), 512)


def test_nothing_is_left_of_a_checkpoint_after_success(hospital) -> None:
    live = hospital.folder / hospital.paths.live(CASE)
    assert [path.name for path in live.iterdir()] == ["metrics.jsonl"]


def test_a_second_training_gives_the_same_bits(hospital, tmp_path) -> None:
    again = found_hospital(tmp_path, 150)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setenv("RADLOOP_THREADS", "1")
        run_stage("prepare", CASE)
        run_stage("train", CASE)
    for verb, name in (("prepare", "images.npy"), ("train", "model.safetensors"), ("train", "validation.safetensors")):
        assert (again.out(verb) / name).read_bytes() == (hospital.out(verb) / name).read_bytes()


def test_a_training_set_of_one_class_closes_the_gate(hospital, tmp_path, monkeypatch) -> None:
    found_hospital(tmp_path, 2)
    monkeypatch.chdir(tmp_path)
    run_stage("prepare", CASE)
    with pytest.raises(GateClosed, match="both classes are needed"):
        run_stage("train", CASE)
    assert read_json(tmp_path / hospital.paths.outcome(CASE, "train"))["family"] == "gate_closed"


# --- killed and resumed -----------------------------------------------------------------------------------------

THREADS = {"RADLOOP_THREADS": "1", "OMP_NUM_THREADS": "1"}


def environment(**extra: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{quiet_environment()['PATH']}"
    return quiet_environment(PATH=path, PYTHONPATH=f"{PROJECT / 'src'}:{PROJECT}", **THREADS | extra)


def await_epochs(path: Path, count: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while not path.exists() or len(path.read_text().splitlines()) < count:
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def prepared(folder: Path, epochs: int) -> Path:
    """A hospital that is ready for `train`, with epochs long enough to be interrupted."""
    folder.mkdir()
    found_hospital(folder, 150)
    override(folder / "params.yaml", {f"{CASE}.train.epochs": epochs, f"{CASE}.train.patience": epochs})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_stage("prepare", CASE)
    return folder


def train_command(folder: Path, **extra: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "radloop", "stage", "train", CASE]
    return subprocess.Popen(command, cwd=folder, env=environment(**extra), stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory) -> Path:
    """What a training of six epochs writes when nobody disturbs it."""
    folder = prepared(tmp_path_factory.mktemp("untouched") / "workspace", 6)
    with train_command(folder) as process:
        said = process.communicate()[1]
    assert process.returncode == 0, said
    return folder / "out" / CASE / "train"


def with_dvc(folder: Path) -> None:
    """Put the project's own train stage under a DVC without git."""
    stage = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"]["train"]
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"vars": ["params.yaml"], "stages": {"train": stage}}))
    (folder / "src").symlink_to(PROJECT / "src")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], cwd=folder, env=environment(), check=True)


@pytest.mark.slow
def test_a_training_killed_under_dvc_resumes_to_the_same_bits_and_doubles_no_step(untouched, tmp_path) -> None:
    folder = prepared(tmp_path / "workspace", 6)
    with_dvc(folder)
    command = [sys.executable, "-m", "dvc", "repro", "--single-item", f"train@{CASE}"]
    live = folder / "out" / CASE / "live"
    with subprocess.Popen(command, cwd=folder, env=environment(), stdout=-1, stderr=-1) as process:
        await_epochs(live / "metrics.jsonl", 2, process)
        family = psutil.Process(process.pid).children(recursive=True)
        victim = next(child for child in family if "stage" in child.cmdline() and "sh" not in child.name())
        os.kill(victim.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode != 0
    assert not (folder / "out" / CASE / "train").exists()
    assert list(live.glob("*/checkpoint.safetensors"))

    again = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "resuming after epoch" in again.stdout + again.stderr
    out = folder / "out" / CASE / "train"
    for name in ("model.safetensors", "validation.safetensors", "training.json"):
        assert (out / name).read_bytes() == (untouched / name).read_bytes(), name
    assert [row["step"] for row in lines(out / "metrics.jsonl")] == [5, 10, 15, 20, 25, 30]
    assert not list(live.glob("*/checkpoint.safetensors"))


@pytest.mark.slow
def test_a_polite_kill_leaves_no_debris_and_another_thread_count_is_put_back(untouched, tmp_path) -> None:
    folder = prepared(tmp_path / "workspace", 6)
    live = folder / "out" / CASE / "live"
    with train_command(folder) as process:
        await_epochs(live / "metrics.jsonl", 2, process)
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 143
    assert not list(live.rglob(".*"))

    with train_command(folder, RADLOOP_THREADS="2", OMP_NUM_THREADS="2") as process:
        said = process.communicate()[1]
    assert process.returncode == 0 and "on 1 threads" in said
    out = folder / "out" / CASE / "train"
    assert (out / "model.safetensors").read_bytes() == (untouched / "model.safetensors").read_bytes()
    assert read_json(out / "training.json")["threads"] == 1
    assert np.isfinite(load_file(out / "validation.safetensors")["logit"]).all()
