"""A training killed with -9 under `dvc repro`, and gone on with: the same bits as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from radloop.params import override

from .conftest import CASE, Loop, until

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(400)]

CLOCK = {"seconds", "images_per_second", "peak_memory_mib"}


def clone(loop: Loop, folder: Path) -> Path:
    """The workspace with the prepared films, a cache of its own, and a training that nobody has done yet."""
    subprocess.run(["git", "clone", "--quiet", str(loop.house.settings.workspace), str(folder)], check=True)
    for arguments in (
        ["remote", "add", "--local", "--default", "store", loop.house.settings.remote],
        ["pull", "--quiet", f"prepare@{CASE}", f"split@{CASE}", f"validate@{CASE}"],
    ):
        dvc(loop, folder, *arguments).wait()
    override(folder / "params.yaml", {f"{CASE}.train.epochs": 9, f"{CASE}.train.seed": 5})
    return folder


def dvc(loop: Loop, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    paths = f"{folder / 'src'}{os.pathsep}{folder}"
    environment = {**loop.house.environment, "PYTHONPATH": paths, "RADLOOP_PROJECT": str(folder)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", *arguments], cwd=folder, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def train(loop: Loop, folder: Path) -> subprocess.Popen[str]:
    return dvc(loop, folder, "repro", "--single-item", f"train@{CASE}")


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_training_killed_in_the_middle_ends_in_the_same_bits_and_doubles_no_step(loop: Loop, tmp_path: Path) -> None:
    whole, killed = clone(loop, tmp_path / "whole"), clone(loop, tmp_path / "killed")
    undisturbed = train(loop, whole)
    told = undisturbed.communicate()[0]
    assert undisturbed.returncode == 0, told[-3000:]

    first = train(loop, killed)
    live = killed / "out" / CASE / "live" / "metrics.jsonl"
    until(lambda: len(rows_of(live)) >= 3, 180, "three epochs")
    os.killpg(first.pid, signal.SIGKILL)  # dvc and the stage at once, as a power cut would
    first.communicate()
    assert not (killed / "out" / CASE / "train").exists()
    assert len(rows_of(live)) < 9

    second = train(loop, killed)
    told = second.communicate()[0]
    assert second.returncode == 0, told[-3000:]
    assert "resuming after epoch" in told

    for name in ("model.safetensors", "validation.safetensors"):
        assert (killed / "out" / CASE / "train" / name).read_bytes() == (
            whole / "out" / CASE / "train" / name
        ).read_bytes()
    expected, seen = (rows_of(place / "out" / CASE / "train" / "metrics.jsonl") for place in (whole, killed))
    assert [row["step"] for row in seen] == sorted({row["step"] for row in seen})
    assert [without_clock(row) for row in seen] == [without_clock(row) for row in expected]


def without_clock(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in CLOCK}
