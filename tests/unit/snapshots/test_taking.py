"""One study of any snapshot comes back byte for byte, and no more of its shards than hold it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from radloop.cli import app
from radloop.errors import ConfigurationError, ServiceUnavailable
from radloop.snapshots.history import versions
from radloop.snapshots.taking import Choice, Taken, take
from radloop.workspace import Workspace

CASE = "chest_pneumonia"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def shards_in(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file() and tarfile.is_tarfile(path)]


def test_in_a_fresh_clone_one_study_brings_one_shard(elsewhere: Workspace, tmp_path: Path) -> None:
    assert not elsewhere.cache.exists()
    taken = take(elsewhere, versions(elsewhere, CASE)[-1], Choice(study="2.25.2"), tmp_path / "study")
    assert taken == Taken(instances=2, shards=1)
    assert contents(tmp_path / "study") == {"r-4.png": b"pixels of 4", "r-5.png": b"pixels of 5"}
    assert len(shards_in(elsewhere.cache)) == 1
    assert len([path for path in elsewhere.cache.rglob("*") if path.is_file()]) == 4  # manifest, 2 parts, 1 shard


def test_shards_are_linked_into_the_cache_and_not_copied(place: Workspace) -> None:
    linked = {path.stat().st_ino for path in shards_in(place.cache)}
    assert {path.stat().st_ino for path in (place.snapshot_folder(CASE) / "shards").iterdir()} == linked
    assert "cache.type" not in place.dvc("config", "--list")


def test_a_whole_snapshot_is_what_was_admitted(place: Workspace, tmp_path: Path) -> None:
    for one, count in zip(versions(place, CASE), (4, 7), strict=True):
        take(place, one, Choice(), tmp_path / one.short)
        assert contents(tmp_path / one.short) == {f"r-{n}.png": b"pixels of %d" % n for n in range(count)}


def test_a_patient_is_chosen_by_pseudonym(place: Workspace, tmp_path: Path) -> None:
    take(place, versions(place, CASE)[-1], Choice(patient="p-3"), tmp_path / "patient")
    assert contents(tmp_path / "patient") == {"r-6.png": b"pixels of 6"}


@pytest.mark.parametrize("choice", [Choice(study="Muster"), Choice(patient="Muster"), Choice("2.25.0", "Muster")])
def test_an_id_that_no_catalog_holds_is_refused_and_not_repeated(
    place: Workspace, tmp_path: Path, choice: Choice
) -> None:
    with pytest.raises(ConfigurationError, match="pseudonyms") as refusal:
        take(place, versions(place, CASE)[-1], choice, tmp_path / "none")
    assert "Muster" not in str(refusal.value)
    assert not (tmp_path / "none").exists()


def test_a_patient_of_a_later_snapshot_is_not_in_an_earlier_one(place: Workspace, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no instance of this snapshot"):
        take(place, versions(place, CASE)[0], Choice(patient="p-3"), tmp_path / "none")


def test_a_folder_that_holds_something_is_never_overwritten(place: Workspace, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(ConfigurationError, match="not empty"):
        take(place, versions(place, CASE)[-1], Choice(), tmp_path)
    assert (tmp_path / "mine").read_text() == "mine"


def test_bytes_that_are_not_the_catalogs_leave_nothing_behind(elsewhere: Workspace, tmp_path: Path) -> None:
    last = versions(elsewhere, CASE)[-1]
    take(elsewhere, last, Choice(study="2.25.2"), tmp_path / "good")
    (shard,) = shards_in(elsewhere.cache)
    shard.chmod(0o644)
    shard.write_bytes(shard.read_bytes().replace(b"pixels of 5", b"pixels of X"))
    with pytest.raises(ConfigurationError, match="not what the catalog says"):
        take(elsewhere, last, Choice(study="2.25.2"), tmp_path / "bad")
    assert not (tmp_path / "bad").exists()


def test_a_remote_that_is_away_is_said_so(elsewhere: Workspace, tmp_path: Path) -> None:
    lonely = Workspace(elsewhere.settings.model_copy(update={"dvc_remote": str(tmp_path / "gone")}))
    with pytest.raises(ServiceUnavailable, match="neither the cache nor the remote"):
        take(lonely, versions(lonely, CASE)[-1], Choice(), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_person_checks_out_a_study_and_sees_every_snapshot(
    place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADLOOP_HOME", str(place.settings.root))
    monkeypatch.setenv("COLUMNS", "120")
    first, second = versions(place, CASE)
    words = ["data", "checkout", first.short, "--to", str(tmp_path / "out"), "--study", "2.25.1"]
    assert "2 instances" in CliRunner().invoke(app, words).output
    assert set(contents(tmp_path / "out")) == {"r-2.png", "r-3.png"}
    said = CliRunner().invoke(app, ["data", "show"]).output
    assert f"{first.md5} │ {first.commit[:8]}" in said and f"{second.md5} │ {second.commit[:8]}" in said
