"""The workspace, with real git and DVC on a project of a few files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from radloop.errors import ConfigurationError, GateClosed, RadloopError
from radloop.settings import PROJECT, Settings
from radloop.workspace import Workspace, outer_commit

STAGES = """
vars: [params.yaml]
stages:
  validate:
    matrix: {use_case: "${chains.validate}"}
    cmd: python stage.py validate ${item.use_case}
    params: ["${item.use_case}.validate"]
    deps: ["${paths.data}/${item.use_case}", stage.py]
    outs: ["${paths.out}/${item.use_case}/validate"]
"""
STAGE = """
import json, pathlib, sys, radloop
verb, case = sys.argv[1:]
if "refuse" in pathlib.Path(f"data/{case}/rows").read_text():
    note = dict(verb=verb, family="gate_closed", message="too few", next_step="ask", reason="")
    folder = pathlib.Path(f"out/{case}/outcomes"); folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{verb}.json").write_text(json.dumps(note)); sys.exit(4)
if "crash" in pathlib.Path(f"data/{case}/rows").read_text():
    raise ZeroDivisionError("a bug")
folder = pathlib.Path(f"out/{case}/{verb}"); folder.mkdir(parents=True)
(folder / "where").write_text(radloop.__file__)
"""


def git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    return subprocess.run(["git", *author, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    project = tmp_path / "project"
    (project / "src/radloop").mkdir(parents=True)
    (project / ".dvc").mkdir()
    (project / ".dvc/config").write_text("[core]\n    analytics = false\n")
    (project / ".gitignore").write_text("/out/\n.dvc/tmp\n.dvc/config.local\n")
    (project / "src/radloop/__init__.py").write_text("")
    (project / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    (project / "dvc.yaml").write_text(STAGES)
    (project / "stage.py").write_text(STAGE)
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "-m", "start")
    found = Workspace(Settings(project=project, home=tmp_path / "home"))
    found.synchronise()
    return found


def put(place: Workspace, text: str) -> None:
    folder = place.snapshot_folder("chest_pneumonia")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows").unlink(missing_ok=True)
    (folder / "rows").write_text(text)


def test_uncommitted_changes_reach_the_clone_and_nothing_reaches_the_checkout(place: Workspace) -> None:
    project = place.settings.project
    (project / "new.txt").write_text("uncommitted")
    (project / "stage.py").unlink()
    before = git(project, "status", "--porcelain")
    place.synchronise()
    assert (place.folder / "new.txt").read_text() == "uncommitted"
    assert not (place.folder / "stage.py").exists()
    assert git(project, "status", "--porcelain") == before
    assert outer_commit(project).endswith("+")


def test_the_code_that_a_stage_runs_is_the_clones(place: Workspace) -> None:
    put(place, "fine")
    place.snapshot("chest_pneumonia")
    assert place.reproduce("chest_pneumonia", "validate")
    assert Path(place.stage("chest_pneumonia", "validate").joinpath("where").read_text()).is_relative_to(place.folder)


def test_nothing_changed_means_nothing_executed(place: Workspace) -> None:
    put(place, "fine")
    place.snapshot("chest_pneumonia")
    assert place.reproduce("chest_pneumonia", "validate")
    assert not place.reproduce("chest_pneumonia", "validate")
    place.override({"chest_pneumonia.validate.smallest_rows": 7})
    place.synchronise()
    assert place.case("chest_pneumonia").validate_.smallest_rows == 7
    assert place.reproduce("chest_pneumonia", "validate")


def test_any_run_can_be_restored_in_a_fresh_clone(place: Workspace, tmp_path: Path) -> None:
    put(place, "first")
    first = place.snapshot("chest_pneumonia")
    place.reproduce("chest_pneumonia", "validate")
    commit = place.commit_run("Run")
    put(place, "second")
    assert place.snapshot("chest_pneumonia").md5 != first.md5
    git(tmp_path, "clone", "--quiet", str(place.folder), "fresh")
    git(tmp_path / "fresh", "checkout", "--quiet", commit)
    other = Workspace(Settings(project=place.settings.project, home=tmp_path / "elsewhere"))
    other.folder = tmp_path / "fresh"
    other.dvc("remote", "add", "--local", "--default", "store", place.settings.remote)
    other.dvc("pull", "--quiet", "--allow-missing")
    assert (tmp_path / "fresh/data/chest_pneumonia/rows").read_text() == "first"
    assert (tmp_path / "fresh/out/chest_pneumonia/validate/where").exists()


def test_taking_the_projects_state_never_touches_the_data(place: Workspace) -> None:
    put(place, "first")
    place.snapshot("chest_pneumonia")
    for _ in range(2):
        place.synchronise()
        (place.snapshot_folder("chest_pneumonia") / "more").write_text("second")
        place.snapshot("chest_pneumonia")
    assert (place.snapshot_folder("chest_pneumonia") / "rows").read_text() == "first"
    assert [name for name in git(place.folder, "ls-files", "data").split() if name.endswith(("rows", "more"))] == []


def test_a_clone_that_was_killed_half_way_is_made_again(place: Workspace, tmp_path: Path) -> None:
    later = Workspace(Settings(project=place.settings.project, home=tmp_path / "later"))
    (later.folder.parent / ".workspace.dead" / ".git").mkdir(parents=True)
    later.synchronise()
    put(later, "fine")
    assert later.snapshot("chest_pneumonia").files == 1


def test_a_remote_that_was_moved_is_followed(place: Workspace, tmp_path: Path) -> None:
    moved = Workspace(place.settings.model_copy(update={"dvc_remote": str(tmp_path / "elsewhere")}))
    place.dvc("config", "--local", "core.hardlink_lock", "true")
    moved.synchronise()
    put(moved, "fine")
    moved.snapshot("chest_pneumonia")
    assert any((tmp_path / "elsewhere").rglob("*"))
    assert "hardlink_lock = true" in (place.folder / ".dvc" / "config.local").read_text()


def test_a_failure_that_dvc_swallows_is_raised_again(place: Workspace) -> None:
    put(place, "refuse")
    place.snapshot("chest_pneumonia")
    with pytest.raises(GateClosed, match="too few"):
        place.reproduce("chest_pneumonia", "validate")


def test_a_bug_in_a_stage_is_no_foreseen_failure(place: Workspace) -> None:
    put(place, "crash")
    place.snapshot("chest_pneumonia")
    with pytest.raises(RadloopError, match="crashed") as raised:
        place.reproduce("chest_pneumonia", "validate")
    assert raised.value.family == "error"


def test_a_use_case_without_data_says_how_to_get_some(place: Workspace) -> None:
    with pytest.raises(ConfigurationError, match="radloop run ingest"):
        place.md5("chest_pneumonia")


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no git checkout"):
        Workspace(Settings(project=tmp_path, home=tmp_path / "home")).synchronise()


def test_an_unwritable_disk_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ConfigurationError, match="cannot"):
        Workspace(Settings(project=PROJECT, home=tmp_path / "file" / "home")).synchronise()


def test_an_installation_without_a_workspace_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no workspace yet.*\n?.*radloop run ingest"):
        Workspace(Settings(project=PROJECT, home=tmp_path)).md5("chest_pneumonia")
