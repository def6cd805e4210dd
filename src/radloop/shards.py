"""Uncompressed tar files of bounded size: few files for DVC, one seek to any image, readable by any tar.

A study stays in the shard that its first image went to, in whatever order the others come. So a shard may exceed its
size by the rest of one study; what studies that come torn apart let grow by more than half is shared out again.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from radloop.content import Content, cut
from radloop.files import sync_folder

LARGEST = 256 * 2**20  # bytes of one shard
PIECES = 8  # that a shard is split into: fewer would be split again, more would stay small
STREAMS = 32  # held open, well below what a process may
BUFFER = 2**20  # bytes that one call writes
_BLOCK = 512
_END = b"\0" * (2 * _BLOCK)
_EMPTY = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)


class _File(NamedTuple):
    name: str
    study: str
    offset: int
    length: int


@dataclass(eq=False)
class _Shard:
    """One shard under its temporary name."""

    path: Path
    size: int = 0
    files: list[_File] = field(default_factory=list)
    studies: list[str] = field(default_factory=list)  # in the order of their first files


class ShardWriter:
    """Writes `<batch>-<k>.tar`; none appears under its name before all are whole and on the disk.

    Equal contents in equal order give equal files: names, no times, no owners.
    """

    def __init__(self, folder: Path, batch: int, largest: int = LARGEST) -> None:
        self._folder, self._batch, self._largest = folder, batch, largest
        self._shards: list[_Shard] = []
        self._homes: dict[str, _Shard] = {}
        self._newest: _Shard | None = None
        self._streams: dict[_Shard, BinaryIO] = {}  # the one that waits longest first
        self._opened = 0
        self._named: list[Path] = []

    def add(self, name: str, content: Content, study: str) -> None:
        """Append one file of a study to its shard."""
        shard = self._homes.get(study) or self._settle(study, len(content))
        padding = bytes(-len(content) % _BLOCK)
        self._append(shard, _File(name, study, 0, len(content)), header_of(name, len(content)), content, padding)
        if 2 * shard.size > 3 * self._largest and study != shard.studies[-1]:
            self._split(shard)

    def close(self) -> dict[str, tuple[str, int]]:
        """Finish all shards and return the shard and the offset of the first byte of each file's name."""
        for shard in self._shards:
            stream = self._stream(shard)
            stream.write(_END)
            stream.flush()
            os.fsync(stream.fileno())
            self._streams.pop(shard).close()
        places = {}
        for number, shard in enumerate(self._shards):
            target = self._folder / f"{self._batch:06d}-{number:03d}.tar"
            self._named.append(target)
            shard.path.replace(target)
            places.update({file.name: (target.name, file.offset) for file in shard.files})
        if self._shards:
            sync_folder(self._folder)
        self._shards.clear()
        return places

    def abandon(self) -> None:
        """Remove all that this writer has written, because its admission failed."""
        for stream in self._streams.values():
            with suppress(OSError):  # on a full disk it fails again to write what it still holds
                stream.close()
        self._streams.clear()
        for path in [*(shard.path for shard in self._shards), *self._named]:
            path.unlink(missing_ok=True)
        self._shards.clear()

    def _settle(self, study: str, length: int) -> _Shard:
        """The shard of a study that is new: the newest, or another where its first file would make that too large."""
        shard = self._newest
        if shard is None or (shard.size and shard.size + _space(length) + len(_END) > self._largest):
            shard = self._newest = self._open()
            self._shards.append(shard)
        self._enter(study, shard)
        return shard

    def _enter(self, study: str, shard: _Shard) -> None:
        self._homes[study] = shard
        shard.studies.append(study)

    def _append(self, shard: _Shard, file: _File, *blocks: Content) -> None:
        """Write the header, the content and the padding of a file behind the others."""
        stream = self._stream(shard)
        for block in blocks:
            stream.write(block)
        shard.files.append(_File(file.name, file.study, shard.size + _BLOCK, file.length))
        shard.size += _space(file.length)

    def _split(self, shard: _Shard) -> None:
        """Share the studies of a shard out, by the order of their first files; no one knows of the shard yet."""
        pieces = [self._open() for _ in range(min(PIECES, len(shard.studies)))]
        place = self._shards.index(shard)
        self._shards[place + 1 : place + 1] = pieces
        for rank, study in enumerate(shard.studies):
            self._enter(study, pieces[rank * len(pieces) // len(shard.studies)])
        for file, blocks in self._blocks(shard):
            self._append(self._homes[file.study], file, blocks)
        if stream := self._streams.pop(shard, None):
            stream.close()
        shard.path.unlink()
        self._shards.remove(shard)
        if shard is self._newest:
            self._newest = None

    def _blocks(self, shard: _Shard) -> Iterator[tuple[_File, Content]]:
        self._stream(shard).flush()
        with shard.path.open("rb", buffering=BUFFER) as stream:
            for file in shard.files:
                yield file, cut(stream, file.offset - _BLOCK, _space(file.length))

    def _open(self) -> _Shard:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._opened += 1
        return _Shard(self._folder / f".{self._batch:06d}-{self._opened:03d}.tmp")

    def _stream(self, shard: _Shard) -> BinaryIO:
        stream = self._streams.pop(shard, None)
        if stream is None:
            if len(self._streams) == STREAMS:
                self._streams.pop(next(iter(self._streams))).close()
            stream = shard.path.open("ab", buffering=BUFFER)
        self._streams[shard] = stream
        return stream


def header_of(name: str, length: int) -> bytes:
    """The block before a file in a tar, as `tarfile` writes it, which takes ten times as long to."""
    encoded = name.encode("ascii", "replace")
    if not name.isascii() or len(encoded) > 100 or length >= 8**11:
        info = tarfile.TarInfo(name)
        info.size = length
        return info.tobuf(tarfile.USTAR_FORMAT)
    head = encoded.ljust(100, b"\0") + _EMPTY[100:124] + b"%011o\0" % length + _EMPTY[136:148]
    total = sum(head) + 8 * ord(" ") + sum(_EMPTY[156:])
    return head + b"%06o\0 " % total + _EMPTY[156:]


def _space(length: int) -> int:
    return _BLOCK + length + -length % _BLOCK
