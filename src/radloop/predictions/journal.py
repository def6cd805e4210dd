"""A writer's journal: one JSON line per prediction, on disk before anybody gets the answer."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path

from radloop.errors import ServiceUnavailable
from radloop.files import sync_folder
from radloop.records import Prediction

#: A journal of this many bytes is closed so that it can be sealed while its writer goes on.
FULL = 32 * 1024 * 1024

_NAMES = tuple(field.name for field in fields(Prediction))


class Journal:
    """The open journal of one writer; its lock tells others that the writer lives, even after kill -9."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor: int | None = None
        self._process = 0
        self._day: date | None = None
        self._size = 0
        self._lock = threading.Lock()

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Write `predictions` with one fsync; when this returns they survive a power cut.

        Raises ServiceUnavailable when the disk refuses; then none of them is in the log.
        """
        content = "".join(line_of(prediction) for prediction in predictions).encode()
        with self._lock:
            try:
                self._write(content)
            except OSError as error:
                self._forget()
                raise ServiceUnavailable(
                    f"the prediction log cannot be written: {error.strerror}",
                    "free space or mend the folder's permissions; no answer is given until then",
                ) from error

    def close(self) -> None:
        """Give the journal up for sealing; the next append opens a new one."""
        with self._lock:
            self._forget()

    def _write(self, content: bytes) -> None:
        today = datetime.now(UTC).date()
        if self._day != today or self._process != os.getpid():
            self._forget()  # a new day starts a new journal, so that yesterday's can be sealed; a fork its own
            self._open()
            self._day = today
        assert self._descriptor is not None
        try:
            _write_all(self._descriptor, content)
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self._size)  # half a batch must not be taken for an answer
            raise
        self._size += len(content)
        if self._size >= FULL:
            self._forget()

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{os.getpid()}-{uuid.uuid4().hex}.jsonl"
        hidden = self.folder / f".{name}"
        self._descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        self._process, self._size = os.getpid(), 0
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        hidden.rename(self.folder / name)  # seen by others only when locked, or they would seal it empty
        sync_folder(self.folder)

    def _forget(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)  # closing releases the lock
        self._descriptor = self._day = None


def line_of(prediction: Prediction) -> str:
    """One journal line; NaN is refused because JSON has none."""
    row = {name: getattr(prediction, name) for name in _NAMES}
    for name in ("predicted_at", "received_on", "acquired_on"):
        row[name] = row[name].isoformat() if row[name] is not None else None
    return json.dumps(row, allow_nan=False, ensure_ascii=False, separators=(",", ":")) + "\n"


@contextmanager
def finished(path: Path) -> Iterator[bool]:
    """Hold a journal whose writer has ended or given it up; False while it lives or if another has sealed it."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = os.fstat(descriptor).st_nlink > 0
    except BlockingIOError:
        free = False
    try:
        yield free
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
