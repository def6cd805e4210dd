"""The README's first command, as a new user gives it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from radloop.ledger import Ledger
from radloop.settings import PROJECT, quiet_environment

STORY = 1500  # seconds; the demonstration itself aims at six minutes on two quiet cores


@pytest.mark.slow
@pytest.mark.timeout(STORY)
def test_the_demonstration_goes_as_told_and_leaves_the_checkout_alone(tmp_path: Path) -> None:
    before = _status()
    told = radloop("demo", home=tmp_path)
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
    assert "healthy" in told.stdout and "Simulated Delta" in told.stdout
    assert _status() == before
    root = tmp_path / "demo-simulated"
    assert Ledger(root / "ledger").verify().intact
    pages = sorted((root / "reports").rglob("summary.html"))
    assert len(pages) == 2 and (root / "reports" / "index.html").exists()


def radloop(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    command, environment = [sys.executable, "-m", "radloop", *words], quiet_environment(RADLOOP_HOME=str(home))
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)


def _status() -> str:
    command = ["git", "status", "--porcelain"]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
