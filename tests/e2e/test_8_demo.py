"""The README's first command, as a new user gives it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from radloop.ledger import Ledger
from radloop.settings import PROJECT, quiet_environment

STORY = 1500  # seconds; the demonstration itself aims at six minutes on two quiet cores


@pytest.mark.slow
@pytest.mark.timeout(STORY)
def test_the_demonstration_goes_as_told_and_leaves_the_checkout_alone(tmp_path: Path) -> None:
    before = _status()
    told = subprocess.run(
        [PROJECT / ".venv/bin/radloop", "demo"] if (PROJECT / ".venv/bin/radloop").exists() else ["radloop", "demo"],
        cwd=PROJECT, env=quiet_environment(RADLOOP_HOME=str(tmp_path)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
    assert "healthy" in told.stdout and "Simulated Delta" in told.stdout
    assert _status() == before
    root = tmp_path / "demo-simulated"
    assert Ledger(root / "ledger").verify().intact
    pages = sorted((root / "reports").rglob("summary.html"))
    assert len(pages) == 2 and (root / "reports" / "index.html").exists()


def _status() -> str:
    command = ["git", "status", "--porcelain"]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
