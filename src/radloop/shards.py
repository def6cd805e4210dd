"""Uncompressed tar files of bounded size: few files for DVC, one seek to any image, readable by any tar.

A shard ends only between two studies, so it may exceed its size by the rest of one study; what came in an order that
tears studies apart is written once more in the order of studies, before any catalog names it.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from radloop.content import Content, cut
from radloop.files import sync_folder

LARGEST = 256 * 2**20  # bytes of one shard
_BLOCK = 512


@dataclass(frozen=True)
class Packed:
    """One file in a shard: its name in the tar, its study, and where its bytes are."""

    name: str
    study: str
    shard: str
    offset: int
    length: int


class ShardWriter:
    """Writes `<batch>-<k>.tar` one after another; each appears under its name only when it is whole.

    Equal contents in equal order give equal files: names, no times, no owners.
    """

    def __init__(self, folder: Path, batch: int, largest: int = LARGEST) -> None:
        self._folder, self._batch, self._largest = folder, batch, largest
        self._count = 0
        self._stream: BinaryIO | None = None
        self._study = ""

    @property
    def _name(self) -> str:
        return f"{self._batch:06d}-{self._count:03d}.tar"

    @property
    def _temporary(self) -> Path:
        return self._folder / f".{self._name}.tmp"

    def add(self, name: str, content: Content, study: str) -> tuple[str, int]:
        """Append one file of a study and return its shard's name with the offset of its first byte."""
        padding = -len(content) % _BLOCK
        full = self._stream and self._stream.tell() + len(content) + padding + 3 * _BLOCK > self._largest
        if full and study != self._study:
            self.close()
        self._study = study
        stream = self._stream or self._open()
        header = tarfile.TarInfo(name)
        header.size = len(content)
        stream.write(header.tobuf(tarfile.USTAR_FORMAT))
        offset = stream.tell()
        stream.write(content)
        stream.write(b"\0" * padding)
        return self._name, offset

    def close(self) -> None:
        """Finish the current shard, if any."""
        if self._stream is None:
            return
        self._stream.write(b"\0" * (2 * _BLOCK))
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._stream = None
        self._temporary.replace(self._folder / self._name)
        sync_folder(self._folder)
        self._count += 1

    def gather(self, files: Sequence[Packed]) -> dict[str, tuple[str, int]]:
        """Write closed shards again with each study in one, and return the new shard and offset of each file's name.

        `files` are all that this writer has added. Studies keep the order of their first file; where none is torn
        apart, nothing is written and the answer is empty.
        """
        shards: dict[str, set[str]] = {}
        for file in files:
            shards.setdefault(file.study, set()).add(file.shard)
        if all(len(names) == 1 for names in shards.values()):
            return {}
        rank = {study: place for place, study in enumerate(shards)}
        before, moved = {file.shard for file in files}, {}
        with ExitStack() as stack:
            open_shards = {name: stack.enter_context((self._folder / name).open("rb")) for name in before}
            for file in sorted(files, key=lambda file: rank[file.study]):
                content = cut(open_shards[file.shard], file.offset, file.length)
                moved[file.name] = self.add(file.name, content, file.study)
        self.close()
        for name in before:
            (self._folder / name).unlink()
        return moved

    def abandon(self) -> None:
        """Remove all that this writer has written, because its admission failed."""
        if self._stream is not None:
            with suppress(OSError):  # on a full disk it fails again to write what it still holds
                self._stream.close()
            self._stream = None
        self._temporary.unlink(missing_ok=True)
        for number in range(self._count):
            (self._folder / f"{self._batch:06d}-{number:03d}.tar").unlink(missing_ok=True)

    def _open(self) -> BinaryIO:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._stream = self._temporary.open("wb")
        return self._stream
