"""One death, and one failure of the disk, at every call by which an admission changes the disk."""

from __future__ import annotations

import pickle
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from radloop.catalog import admit
from radloop.files import sha256_file
from radloop.records import Arrival, Rejection

pytestmark = pytest.mark.slow
Batch = list[Arrival | Rejection]
CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "unlink", "unlinkat")
MOST = 150  # runs of one test; beyond, calls are taken at even distances
BEGIN = "begin the admission"
CHILD = f"""
import os, pickle, sys
from pathlib import Path
from radloop import catalog, shards
from radloop.errors import RadloopError
from radloop.shards import ShardWriter
folder, batch, largest, shards.BUFFER = *sys.argv[1:4], int(sys.argv[4])
catalog.ShardWriter = lambda folder, number: ShardWriter(folder, number, int(largest))
batch = pickle.loads(Path(batch).read_bytes())
os.write(os.open(os.devnull, os.O_WRONLY), b"{BEGIN}")
try:
    catalog.admit(Path(folder), batch)
    said = "admitted"
except RadloopError as error:
    said = f"{{type(error).__name__}} {{error}}"
os.write(1, said.encode())
"""


class Call(NamedTuple):
    """The n-th call of a name, counted from the start of the process as strace counts."""

    name: str
    number: int


@pytest.fixture(scope="module")
def strace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tracer, or a skip where it is missing or may not trace."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("needs strace")
    if subprocess.run([found, "-o", "/dev/null", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to trace processes")
    return found


class Traced:
    """Runs the second admission into copies of a snapshot that has had the first."""

    def __init__(self, strace: str, folder: Path, batches: list[Batch], small: tuple[int, int]) -> None:
        self._strace, self._folder, self._small = strace, folder, small
        self.before, self.snapshot, self._batch = folder / "before", folder / "d", folder / "batch"
        admit(self.before, batches[0])
        self._batch.write_bytes(pickle.dumps(batches[1]))

    def run(self, *options: str) -> str:
        """What the process has said."""
        shutil.rmtree(self.snapshot, ignore_errors=True)
        shutil.copytree(self.before, self.snapshot)
        log = ["-o", str(self._folder / "log"), "-e", f"trace={','.join(CALLS)}"]
        child = [sys.executable, "-B", "-c", CHILD, str(self.snapshot), str(self._batch), *map(str, self._small)]
        done = subprocess.run(
            [self._strace, "-f", *log, *options, *child], capture_output=True, check=False, timeout=60
        )
        return done.stdout.decode()

    def calls(self, *names: str) -> list[Call]:
        """Every call of the admission, from an undisturbed run."""
        assert self.run() == "admitted"
        lines = re.findall(r"^(\d+) +(\w+)\((.*)", (self._folder / "log").read_text(), re.MULTILINE)
        counts: Counter[str] = Counter()
        found, begun, (first, *_) = [], False, lines[0]
        for process, name, arguments in lines:
            assert process == first or not begun, "one thread alone writes, so its calls have numbers"
            counts[name] += process == first
            if begun and name in (names or CALLS) and not arguments.startswith('1, "admitted'):
                found.append(Call(name, counts[name]))
            begun = begun or BEGIN in arguments
        return found[:: -(-len(found) // MOST)]


@pytest.fixture
def traced(strace: str, tmp_path: Path, batches: list[Batch], small_shards: None, small: tuple[int, int]) -> Traced:
    """An admission that can be killed or failed at a call of its own."""
    return Traced(strace, tmp_path, batches, small)


def test_a_kill_at_any_call_leaves_the_admission_whole_or_absent(
    traced: Traced, batches: list[Batch], shown: Callable[[Path], object], expected: tuple[Sequence, Path]
) -> None:
    whole, calls = expected[0], traced.calls()
    assert {"write", "fsync", "rename", "unlink"} <= {call.name for call in calls} and len(calls) >= 30
    old = {path.relative_to(traced.before): sha256_file(path) for path in traced.before.rglob("*.*")}
    found = Counter()
    for call in calls:
        assert traced.run("-e", f"inject={call.name}:signal=KILL:when={call.number}") == "", call
        seen = shown(traced.snapshot)
        assert seen.rows in (whole[1].rows, whole[2].rows), call
        assert seen.refused in (whole[1].refused, whole[2].refused), call
        assert (
            old.items()
            <= {p.relative_to(traced.snapshot): sha256_file(p) for p in traced.snapshot.rglob("*.*")}.items()
        )
        found[seen.rows == whole[2].rows] += 1
        again = time.perf_counter()
        admit(traced.snapshot, batches[1])
        assert time.perf_counter() - again <= 5, "s"
        assert shown(traced.snapshot) == whole[2], call
        assert list(traced.snapshot.rglob(".*")) == []
    assert found[True] and found[False], "before the part has its name, and after"


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_a_disk_that_fails_at_any_call_is_told_and_corrupts_nothing(
    traced: Traced, batches: list[Batch], shown: Callable[[Path], object], expected: tuple[Sequence, Path], error: str
) -> None:
    whole = expected[0]
    for call in traced.calls("write", "fsync"):
        said = traced.run("-e", f"inject={call.name}:error={error}:when={call.number}")
        assert said.startswith("ConfigurationError cannot write in") and "nothing was admitted" in said, call
        assert ("No space left" if error == "ENOSPC" else "Input/output error") in said, call
        assert shown(traced.snapshot).rows == whole[1].rows, call
        admit(traced.snapshot, batches[1])
        assert shown(traced.snapshot) == whole[2], call
