"""Search everything below a folder for planted strings: plain, encoded, compressed, and inside Parquet."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import subprocess
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

_CODECS = ("utf-8", "utf-16-le", "utf-16-be", "latin-1", "iso8859_5", "iso2022_jp", "euc_kr", "gb18030")
_WIDTH = 8  # bytes by which a place is first looked at
_DIGITS = b"0123456789"


class Needles:
    """Planted strings in every encoding that we can think of, made to be looked for all at once."""

    def __init__(self, words: Iterable[str]) -> None:
        self._ends: dict[bytes, list[tuple[bytes, str]]] = {}
        for word in words:
            for form in spellings(word):
                if len(form) >= _WIDTH:
                    self._ends.setdefault(form[:_WIDTH], []).append((form, word))
        starts = np.frombuffer(b"".join(self._ends), "<u8")
        self._whole = np.sort(starts)
        self._marks = np.zeros(1 << 24, bool)
        self._marks[_marked(starts.astype("<u4"))] = True

    def found_in(self, content: bytes) -> set[str]:
        """The strings that are somewhere in `content`, in either case; of a number, not as part of a longer one."""
        low = content.lower()
        return {word for place in self._places(low) for word in self._at(low, place)}

    def _places(self, low: bytes) -> Iterator[int]:
        for offset in range(4):
            count = (len(low) - offset) // 4
            if count < 2:
                continue
            marked = np.flatnonzero(self._marks[_marked(np.frombuffer(low, "<u4", count, offset))])
            places = 4 * marked + offset
            places = places[places + _WIDTH <= len(low)]
            if not len(places):
                continue
            windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(low, np.uint8), _WIDTH)[places]
            heads = np.ascontiguousarray(windows).view("<u8").ravel()
            spots = np.minimum(np.searchsorted(self._whole, heads), len(self._whole) - 1)
            yield from map(int, places[self._whole[spots] == heads])

    def _at(self, low: bytes, place: int) -> Iterator[str]:
        for form, word in self._ends.get(low[place : place + _WIDTH], ()):
            end = place + len(form)
            if low[place:end] != form:
                continue
            inside = low[end : end + 1] in _split(_DIGITS) or low[place - 1 : place] in _split(_DIGITS + b".")
            if not (word[0].isdigit() and inside and form[1:2] != b"\0"):
                yield word


def spellings(word: str) -> set[bytes]:
    """A string as files may hold it, in lower case."""
    forms = {text.encode(codec, "ignore") for codec in _CODECS for text in (word, word.casefold(), word.upper())
             if _can(text, codec)}  # fmt: skip
    forms |= {quote(word).encode(), json.dumps(word)[1:-1].encode(), word.replace("^", " ").encode()}
    plain = word.encode()
    for shift in range(3):
        head = base64.b64encode(b"\0" * shift + plain)
        forms.add(head[4 if shift else 0 : len(head) - 4])
    forms |= {form.replace(b"\x1b$b", b"").replace(b"\x1b(b", b"") for form in {one.lower() for one in forms}}
    return {form.lower() for form in forms}


def search(folder: Path, needles: Needles) -> tuple[int, dict[str, set[str]]]:
    """How many files were read, and for each that tells something, what it tells; names of files count too."""
    count, found = 0, dict[str, set[str]]()
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        count += 1
        name = str(path.relative_to(folder))
        told = needles.found_in(f"{name}        ".encode())
        for content in contents(path):
            told |= needles.found_in(content)
        if told:
            found[name] = told
    return count, found


def contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and what they hold once unpacked: Parquet, SQLite, gzip, zip, PNG's texts, git's objects."""
    content = path.read_bytes()
    yield content
    if content[:4] == b"PAR1":  # whatever it is called: DVC names files by their hash
        yield pq.read_table(path).to_pandas().to_csv().encode()
    elif content.startswith(b"SQLite format 3\0"):  # a long value lies on several pages, and the newest in the log
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            yield "\n".join(database.iterdump()).encode()
    elif content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    elif content[:2] == b"PK" and zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            yield from (packed.read(name) for name in packed.namelist())
    elif content[:8] == b"\x89PNG\r\n\x1a\n":
        with Image.open(io.BytesIO(content)) as picture:
            yield "\n".join(map(str, picture.info.values())).encode()
    elif content[:4] == b"PACK" and path.parent.name == "pack":  # what git packed refers to itself, piece by piece
        yield _packed(path.parents[2])
    elif "objects" in path.parts and content[:1] == b"\x78":
        yield zlib.decompress(content)


def _packed(repository: Path) -> bytes:
    """Every object of a repository whose folder of git is given, one after another."""
    command = ["git", f"--git-dir={repository}", "cat-file", "--batch-all-objects", "--batch"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def _marked(words: np.ndarray) -> np.ndarray:
    return (words * np.uint32(2654435761)) >> np.uint32(8)


def _split(characters: bytes) -> set[bytes]:
    return {bytes([one]) for one in characters}


def _can(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
