"""What every source of single files shares: their order, their processes, and a refusal without a name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from mmap import mmap
from pathlib import Path

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import StudyRejected
from radloop.records import Arrival, Rejection
from radloop.sources.instance import read_file, rejection
from radloop.sources.spread import spread


class FileSource(ABC):
    """Files below a folder, each read once and by itself, so that several processes may share the work."""

    name: str
    _folder: Path
    _files: list[str]
    _pseudonyms: Pseudonyms
    _workers: int

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[Arrival | Rejection]:
        return spread(self, self._workers)

    def read(self, position: int) -> Arrival | Rejection:
        """The file at `position`."""
        name = self._files[position]
        content: bytes | mmap = b""
        try:
            content = read_file(self._folder / name)
            return self._read(name, content)
        except StudyRejected as refusal:
            return rejection(refusal, self._pseudonyms, self.name, name=name, content=content, position=position)

    def refuse(self, position: int, refusal: StudyRejected) -> Rejection:
        """What is kept of a file whose reading failed: it is hashed and not parsed."""
        name = self._files[position]
        content: bytes | mmap = b""
        with suppress(StudyRejected):
            content = read_file(self._folder / name)
        return rejection(refusal, self._pseudonyms, self.name, name=name, content=content, position=position)

    @abstractmethod
    def _read(self, name: str, content: bytes | mmap) -> Arrival:
        """One arrival. Raises StudyRejected for a file that cannot be used."""
