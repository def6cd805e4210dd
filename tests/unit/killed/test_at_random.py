"""A process that dies at any moment of an admission loses nothing that it has told, and shows nothing by halves."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from radloop.catalog import admit, read_catalog
from radloop.records import Arrival, Rejection

Batch = list[Arrival | Rejection]


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where there is one: a kill takes nothing from a disk, and every sync would be waited for."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


def _admit_all(folder: Path, batches: list[Batch], told: int) -> None:
    os.write(told, b".")
    for batch in batches:
        admit(folder, batch)
        os.write(told, b".")


def _killed(folder: Path, batches: list[Batch], answers: int, after: float) -> tuple[int, bool]:
    """How many admissions a child has told of that was killed some seconds after so many answers; and whether."""
    reader, writer = os.pipe()
    child = multiprocessing.get_context("fork").Process(target=_admit_all, args=(folder, batches, writer))
    child.start()
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        heard = len(told.read(1 + answers))
        time.sleep(after)
        os.kill(child.pid or 0, signal.SIGKILL)
        child.join()
        return heard + len(told.read()) - 1, child.exitcode == -signal.SIGKILL


def _only_named_files(folder: Path) -> bool:
    named = {path.name for path in (folder / "shards").iterdir()} == set(read_catalog(folder)["shard"])
    return named and list(folder.rglob(".*")) == []


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_an_admission_killed_at_any_moment_is_whole_or_absent(
    memory: Path, batches: list[Batch], shown: Callable[[Path], object], expected: tuple[Sequence, Path], kills: int
) -> None:
    whole, folder, dice, killed, longest, found = expected[0], memory / "d", random.Random(kills), 0, 0.0, set()
    start = time.perf_counter()
    _admit_all(folder, batches, os.open(os.devnull, os.O_WRONLY))
    span = time.perf_counter() - start
    for _ in range(kills):
        shutil.rmtree(folder)
        folder.mkdir()
        answered, died = _killed(folder, batches, dice.randrange(3), dice.uniform(0, span / 3))
        killed += died
        seen = shown(folder)
        visible = [one.rows for one in whole].index(seen.rows)
        assert answered <= visible <= answered + 1 and seen.refused in (whole[visible].refused, *_next(whole, visible))
        found.add(visible)
        again = time.perf_counter()
        for batch in batches:
            admit(folder, batch)
        longest = max(longest, time.perf_counter() - again)
        assert shown(folder) == whole[-1] and _only_named_files(folder)
    assert killed >= kills * 0.5 and len(found) >= 3, "the kills fell into several admissions"
    assert longest <= 5, "s"


def _next(whole: Sequence, visible: int) -> list:
    """The quarantine part is written before the catalog part."""
    return [one.refused for one in whole[visible + 1 : visible + 2]]
