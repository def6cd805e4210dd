"""Uncompressed tar files of bounded size: few files for DVC, one seek to any image, readable by any tar."""

from __future__ import annotations

import os
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from radloop.files import sync_folder

LARGEST = 256 * 2**20  # bytes of one shard
_BLOCK = 512


class ShardWriter:
    """Writes `<batch>-<k>.tar` one after another; each appears under its name only when it is whole.

    Equal contents in equal order give equal files: names, no times, no owners.
    """

    def __init__(self, folder: Path, batch: int, largest: int = LARGEST) -> None:
        self._folder, self._batch, self._largest = folder, batch, largest
        self._count = 0
        self._stream: BinaryIO | None = None

    @property
    def _name(self) -> str:
        return f"{self._batch:06d}-{self._count:03d}.tar"

    @property
    def _temporary(self) -> Path:
        return self._folder / f".{self._name}.tmp"

    def add(self, name: str, content: bytes) -> tuple[str, int]:
        """Append one file and return its shard's name with the offset of its first byte."""
        padding = -len(content) % _BLOCK
        if self._stream and self._stream.tell() + len(content) + padding + 3 * _BLOCK > self._largest:
            self.close()
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
