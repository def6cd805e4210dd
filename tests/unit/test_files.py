"""Files that are whole or absent."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from radloop.errors import ConfigurationError
from radloop.files import canonical_json, read_json, replacing, sha256, sha256_file, write_bytes, write_json


def test_a_write_that_dies_leaves_the_old_file_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table"
    write_bytes(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises((OSError, ConfigurationError)):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["table"]


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigurationError, match="cannot write in") as refusal:
        write_bytes(tmp_path / "file" / "table", b"new")
    assert refusal.value.next_step


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "out" / "verb"
    with replacing(target) as folder:
        (folder / "first").write_text("1")
    with pytest.raises(ZeroDivisionError), replacing(target) as folder:
        (folder / "half").write_text("2")
        raise ZeroDivisionError
    assert [path.name for path in target.iterdir()] == ["first"]
    with replacing(target) as folder:
        (folder / "second").write_text("2")
    assert [path.name for path in target.iterdir()] == ["second"]
    assert [path.name for path in target.parent.iterdir()] == ["verb"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o755


def test_equal_values_are_equal_bytes_whatever_their_order(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"b": 1, "a": [1.5, None, "é"]})
    write_json(tmp_path / "b", {"a": [1.5, None, "é"], "b": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert read_json(tmp_path / "a") == {"a": [1.5, None, "é"], "b": 1}


def test_json_that_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"auroc": float("nan")})


def test_a_file_has_the_hash_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(b"x" * 300_000)
    assert sha256_file(tmp_path / "film") == sha256(b"x" * 300_000)
