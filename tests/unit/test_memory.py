"""The peak of memory over a process and all that came of it."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

from radloop.memory import PeakMemory, resident

#: A child with a child of its own that holds 100 MiB until it is told to end.
FAMILY = """
import subprocess, sys
held = "x = b'1' * (100 << 20); print('held', flush=True); input()"
sys.exit(subprocess.run([sys.executable, '-c', held]).returncode)
"""


def test_the_peak_counts_what_grandchildren_held_and_stays_when_they_are_gone() -> None:
    before = resident(psutil.Process())
    with PeakMemory(interval=0.01) as memory:
        command = [sys.executable, "-c", FAMILY]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as family:
            assert family.stdout is not None and family.stdout.readline() == "held\n"
            deadline = time.monotonic() + 60
            while memory.mib < before + 100 and time.monotonic() < deadline:
                time.sleep(0.01)
            family.communicate("\n")
        assert family.returncode == 0
    assert before + 100 <= memory.mib < before + 300
    assert resident(psutil.Process()) < memory.mib - 90


def test_one_look_at_least_is_taken_and_a_failure_within_comes_through() -> None:
    memory = PeakMemory(interval=60)
    with pytest.raises(KeyError), memory:
        raise KeyError("story")
    assert memory.mib > 1
