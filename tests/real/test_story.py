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
    assert "view" in done.stdout and "gate: open" in done.stdout
    (mib,) = re.findall(r"peak memory (\d+) MiB", done.stdout)
    assert 500 < int(mib) <= 4096


def _verdict(told: str, month: str) -> str:
    (word,) = re.findall(rf"monitor {month} 2024 +│ +[\d.]+ +│ (\w+):", told)
    return str(word)
