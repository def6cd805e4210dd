"""Versioning many instances: packed into shards by the catalog, beside `dvc add` on the same files."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from radloop.bench.clock import load, met
from radloop.catalog import admit, read_catalog, read_contents
from radloop.errors import RadloopError
from radloop.files import sha256
from radloop.progress import progress_bar
from radloop.records import Arrival, Record
from radloop.settings import Settings, quiet_environment
from radloop.snapshots.history import version
from radloop.snapshots.taking import Choice, take
from radloop.workspace import AUTHOR, Workspace

CASE = "chest_pneumonia"
OF_A_STUDY = 10  # instances
LATER = 10  # studies that come to those that are versioned
STEPS = 4  # told to a person who waits
WISHED, PATIENCE = 1.5, 5.0  # times plain DVC; seconds of the later commit


class Spent(NamedTuple):
    """Wall seconds, and the seconds of CPU of this process and its children, which a busy machine draws out less."""

    wall: float
    cpu: float

    @classmethod
    def so_far(cls) -> Spent:
        """What has been spent when this is called, after the disk has settled: nothing pays for what came before."""
        os.sync()
        return cls(time.perf_counter(), sum(os.times()[:4]))

    def until_now(self) -> Spent:
        """What has been spent since."""
        return Spent(time.perf_counter() - self.wall, sum(os.times()[:4]) - self.cpu)


@dataclass(frozen=True)
class Versioned:
    """Each way once; `rehashed` counts the shards that the later commit has added to the cache.

    The goal is for what ends in the cache. `pushed` seconds add the push to a folder, and for ours git's commit and a
    second look at what is cached, as an ingest has them.
    """

    instances: int
    bytes_each: int
    plain_seconds: float
    packed_seconds: float
    ratio: float
    ratio_goal: str
    plain_cpu: float
    packed_cpu: float
    plain_pushed_seconds: float
    packed_pushed_seconds: float
    pushed_ratio: float
    later_studies: int
    later_seconds: float
    later_goal: str
    later_cpu: float
    rehashed: int
    shards: int
    most_shards_of_a_study: int
    shards_of_a_checkout: int
    checkout_seconds: float
    equal: str
    load_before: float
    load_after: float


def time_packing(settings: Settings, instances: int, size: int) -> Versioned:
    """Version random instances both ways from the same files, then add ten studies to the packed ones.

    Both end in DVC's cache with a pointer file. The later commit is admission, `dvc add`, git and push together.
    Raises RadloopError where a byte cannot be read back.
    """
    settings.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-packs-", dir=settings.root) as name:
        folder, before = Path(name), load()
        place = Workspace(Settings(project=_project(folder / "project", settings.project), home=folder / "home"))
        place.synchronise()
        with progress_bar("versioning instances", STEPS) as advance:
            _write(folder / "files", range(instances), size)
            advance(1)
            plain, plain_push = _timed_plain(folder)
            advance(1)
            packed, packed_push = _timed_packed(place, folder / "files")
            advance(1)
            snapshot = place.snapshot_folder(CASE)
            known, count = _cached(place), len(list((snapshot / "shards").iterdir()))
            _write(folder / "later", range(instances, instances + LATER * OF_A_STUDY), size)
            later = _timed_later(place, folder / "later")
            new = {path for path in _cached(place) - known if path.stat().st_size >= LATER * OF_A_STUDY * size}
            equal = _checked(snapshot, [folder / "files", folder / "later"])
            advance(1)
        most = int(read_catalog(snapshot).groupby("study_id")["shard"].nunique().max())
        began = Spent.so_far()
        taken = take(place, version(place, CASE, None), Choice(study="s-0"), folder / "study")
        taking = began.until_now().wall
    ratio, pushed = plain.wall / packed.wall, (plain.wall + plain_push.wall, packed.wall + packed_push.wall)
    return Versioned(
        instances, size, plain.wall, packed.wall, ratio, f"at least {WISHED:g}: {met(ratio >= WISHED)}",
        plain.cpu, packed.cpu, *pushed, pushed[0] / pushed[1],
        LATER, later.wall, f"at most {PATIENCE:g} s: {met(later.wall <= PATIENCE)}", later.cpu, len(new), count, most,
        taken.shards, taking, equal, before, load(),
    )  # fmt: skip


def _project(folder: Path, project: Path) -> Path:
    """The smallest project that a workspace can be made of."""
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    (folder / ".gitignore").write_text(".dvc/tmp\n.dvc/config.local\n")
    shutil.copy(project / "params.yaml", folder / "params.yaml")
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "Start"]):
        subprocess.run(["git", *AUTHOR, *words], cwd=folder, env=quiet_environment(), check=True)
    return folder


def _write(folder: Path, numbers: range, size: int) -> None:
    """Every second instance does not compress; their order on the disk tears studies apart."""
    folder.mkdir()
    draw = np.random.default_rng(numbers.start)
    shuffled = list(numbers)
    random.Random(0).shuffle(shuffled)
    for place, number in enumerate(shuffled):
        content = draw.bytes(size) if number % 2 else (draw.bytes(64) * (size // 64 + 1))[:size]
        (folder / f"{place:07d}-{number:07d}.dcm").write_bytes(content)


def _timed_plain(folder: Path) -> tuple[Spent, Spent]:
    """`dvc add` on the folder of files, in a repository of its own with DVC's own settings; then `dvc push`."""
    repository = folder / "plain"
    repository.mkdir()
    (folder / "files").rename(repository / "files")

    def dvc(*words: str) -> Spent:
        began = Spent.so_far()
        subprocess.run([sys.executable, "-m", "dvc", *words], cwd=repository, env=quiet_environment(), check=True)
        return began.until_now()

    dvc("init", "--quiet", "--no-scm")
    dvc("remote", "add", "--quiet", "--default", "store", str(repository / "store"))
    spent = dvc("add", "--quiet", "files"), dvc("push", "--quiet")
    (repository / "files").rename(folder / "files")
    shutil.rmtree(repository)
    return spent


def _timed_packed(place: Workspace, files: Path) -> tuple[Spent, Spent]:
    """Admission and `dvc add`; then git's commit and `dvc push`, as an ingest does them."""
    began = Spent.so_far()
    admit(place.snapshot_folder(CASE), _arrivals(files))
    place.add(CASE)
    added, began = began.until_now(), Spent.so_far()
    place.snapshot(CASE)
    return added, began.until_now()


def _timed_later(place: Workspace, files: Path) -> Spent:
    began = Spent.so_far()
    admit(place.snapshot_folder(CASE), _arrivals(files))
    place.snapshot(CASE)
    return began.until_now()


def _arrivals(folder: Path) -> Iterator[Arrival]:
    for path in sorted(folder.iterdir(), key=attrgetter("name")):  # whole paths take ten times as long to compare
        number, content = int(path.stem.partition("-")[2]), path.read_bytes()
        digest, study = sha256(content), number // OF_A_STUDY
        yield Arrival(
            Record(
                record_id=f"r-{number}", patient_id=f"p-{study // 2}", study_id=f"s-{study}",
                instance_uid=f"2.25.{number + 1}", source="bench", content_type="application/dicom", sha256=digest,
                pixel_sha256=digest, rows=1, columns=len(content), bits_stored=8,
                photometric_interpretation="MONOCHROME2",
            ),
            content,
        )  # fmt: skip


def _cached(place: Workspace) -> set[Path]:
    return {path for path in (place.settings.root / "cache").rglob("*") if path.is_file()}


def _checked(snapshot: Path, folders: list[Path]) -> str:
    """Every byte of every file, read back from its shard."""
    wanted = {int(path.stem.partition("-")[2]): path for folder in folders for path in folder.iterdir()}
    frame, seen = read_catalog(snapshot), 0
    for position, content in read_contents(snapshot, frame):
        number = int(str(frame["record_id"].iloc[position]).removeprefix("r-"))
        if content != wanted[number].read_bytes():
            raise RadloopError("an instance was not read back as it was", "this is a bug: report it")
        seen += 1
    if seen != len(wanted):
        raise RadloopError(f"{len(wanted)} instances were packed and {seen} read back", "this is a bug: report it")
    return f"{seen} instances equal byte for byte"
