"""The second story of the README: the same loop on real radiographs, from the folder to the retrain."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from radloop.settings import PROJECT, quiet_environment

STORY = 1500  # seconds, which no load should break; the closing table tells whether the goal of twelve minutes was met


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(STORY)
def test_the_story_on_real_radiographs_goes_as_told(shared_data: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "radloop", "demo", "--source", "nih_cxr", "--data", str(shared_data / "nih_cxr")]
    environment = quiet_environment(RADLOOP_HOME=str(tmp_path))
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    said = {month: _verdict(done.stdout, month) for month in ("July", "August", "September")}
    assert said["July"] == "healthy"
    assert "healthy" not in (said["August"], said["September"])
    assert all("view" in _chapter(done.stdout, f"monitor {month} 2024") for month in ("August", "September"))
    # the gate of the first model opened, or none would serve; the retrain's may honestly close, and then says by what
    assert "is champion" in _chapter(done.stdout, "deploy")
    retrained = _chapter(done.stdout, "retrain")
    assert re.search(r"learnt from snapshot \S+, (is champion|does not serve: .*gate)", retrained)
    (mib,) = re.findall(r"peak memory (\d+) MiB", done.stdout)
    assert 500 < int(mib) <= 4096


def _verdict(told: str, month: str) -> str:
    return _chapter(told, f"monitor {month} 2024").split(":")[0]


def _chapter(told: str, name: str) -> str:
    """What the closing table says of a chapter, its folded lines joined."""
    rows: dict[str, str] = {}
    last = ""
    for line in told.splitlines():
        cells = [cell.strip() for cell in line.strip("│┃ ").split("│")]
        if len(cells) == 3 and line.startswith("│"):
            last = cells[0]
            rows[last] = cells[2]
        elif len(cells) == 1 and line.startswith("│"):
            rows[last] += f" {cells[0]}"
    return rows[name]
