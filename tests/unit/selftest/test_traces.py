"""A planted string is found wherever a file may hold it."""

from __future__ import annotations

import base64
import gzip
import sqlite3
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from radloop.selftest.traces import Needles, search

WORD = "Grünwald^Adelheid"


def _table(place: Path) -> None:
    pd.DataFrame({"told": [WORD] * 3}).to_parquet(place / "part", compression="zstd")


def _database(place: Path) -> None:
    with sqlite3.connect(place / "runs.db") as database:
        database.execute("create table runs (name text)")
        database.execute("insert into runs values (?)", (WORD,))


def _zip(place: Path) -> None:
    with zipfile.ZipFile(place / "report.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("page.html", WORD * 10)


def _png(place: Path) -> None:
    told = PngInfo()
    told.add_text("Comment", WORD * 10, zip=True)
    Image.new("L", (4, 4)).save(place / "figure.png", pnginfo=told)


def _object(place: Path) -> None:
    (place / "objects" / "ab").mkdir(parents=True)
    (place / "objects" / "ab" / "cdef").write_bytes(zlib.compress(WORD.encode() * 10))


def _pack(place: Path) -> None:
    """A repository whose objects were packed: the string is in an old commit, compressed as a difference."""
    git = ["git", "-C", str(place), "-c", "user.name=radloop", "-c", "user.email=radloop@localhost"]
    subprocess.run([*git, "init", "-q"], check=True)
    lines = "".join(f"line {number}\n" for number in range(200))
    for text in (lines, lines + WORD, lines + "gone\n"):
        (place / "notes.txt").write_text(text)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "note"], check=True)
    subprocess.run([*git, "repack", "-a", "-d", "-q"], check=True)
    assert WORD.encode() not in b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "write",
    [
        lambda place: (place / "log.txt").write_text(f"read {WORD} twice"),
        lambda place: (place / "log.txt").write_text(WORD.upper(), "utf-16"),
        lambda place: (place / f"{WORD}.txt").write_text("nothing"),
        lambda place: (place / "log.gz").write_bytes(gzip.compress(WORD.encode())),
        lambda place: (place / "mail").write_bytes(base64.b64encode(b"x" + WORD.encode())),
        _table, _database, _zip, _png, _object, _pack,
    ],
)  # fmt: skip
def test_a_string_is_found_however_it_is_stored(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path)
    count, found = search(tmp_path, Needles([WORD]))
    assert count >= 1
    assert {word for words in found.values() for word in words} == {WORD}


def test_a_number_inside_a_longer_one_is_not_told() -> None:
    needles = Needles(["19520817"])
    assert needles.found_in(b"born 19520817 in May") == {"19520817"}
    assert needles.found_in(b"1.2.3.195208171.4, 5519520817 and 0.19520817") == set()
