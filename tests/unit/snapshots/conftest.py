"""A workspace with two snapshots: four films of two patients, then a correction and three films of another scanner."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from radloop.catalog import admit
from radloop.files import sha256
from radloop.records import Arrival, Record
from radloop.settings import PROJECT, Settings
from radloop.workspace import Workspace

CASE = "chest_pneumonia"


def git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    return subprocess.run(["git", *author, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def _film(number: int, findings: list[str] | None = None, model: str = "Radix") -> Arrival:
    content = b"pixels of %d" % number
    record = Record(
        record_id=f"r-{number}",
        patient_id=f"p-{number // 2}",
        study_id=f"2.25.{number // 2}",
        instance_uid=f"2.25.100{number}",
        source="here",
        content_type="image/png",
        sha256=sha256(content),
        pixel_sha256=sha256(content),
        rows=4,
        columns=4,
        bits_stored=8,
        photometric_interpretation="MONOCHROME2",
        sex="F" if number < 4 else "M",
        age=30.0 + 10 * number,
        manufacturer="Alpha",
        model_name=model,
        findings=findings,
    )
    return Arrival(record, content)


@pytest.fixture(scope="session")
def film_of() -> Callable[..., Arrival]:
    """Makes an invented film of a number; 2n and 2n + 1 are one study of one patient."""
    return _film


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Read it, never change it: all tests of this folder share it."""
    folder = tmp_path_factory.mktemp("snapshots")
    project = folder / "project"
    (project / ".dvc").mkdir(parents=True)
    (project / ".dvc/config").write_text("[core]\n    analytics = false\n")
    (project / ".gitignore").write_text("/out/\n.dvc/tmp\n.dvc/config.local\n/data/.*.lock\n")
    (project / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "-m", "start")
    found = Workspace(Settings(project=project, home=folder / "home"))
    found.synchronise()
    admit(found.snapshot_folder(CASE), [_film(n, ["Pneumonia"] if n == 0 else []) for n in range(4)])
    found.snapshot(CASE)
    later = [
        _film(3, ["Pneumonia"]),
        _film(4, ["Pneumonia"], "Prisma"),
        _film(5, [], "Prisma"),
        _film(6, None, "Prisma"),
    ]
    admit(found.snapshot_folder(CASE), later)
    found.snapshot(CASE)
    return found


@pytest.fixture
def elsewhere(place: Workspace, tmp_path: Path) -> Workspace:
    """A fresh clone of the workspace on another machine: an empty cache, the same remote."""
    settings = Settings(project=place.settings.project, home=tmp_path / "home", dvc_remote=place.settings.remote)
    settings.workspace.parent.mkdir(parents=True)
    git(tmp_path, "clone", "--quiet", str(place.folder), str(settings.workspace))
    return Workspace(settings)
