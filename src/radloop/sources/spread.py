"""Read a source in processes of their own: several at a time, and each a fence around the file that it reads.

A process that a file kills, or that a file holds up, is replaced; the file is refused with the reason, and the files
behind it are read by the next one.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Protocol

from radloop.bounds import hold_this_process
from radloop.errors import ServiceUnavailable, StudyRejected
from radloop.records import Arrival, Rejection

Item = Arrival | Rejection
CHUNK = 16  # files of one task: enough to hide the cost of handing it over
FEWEST = 400  # files below which a second process costs more than it gains
AHEAD = 3  # chunks per process in flight, so that memory does not grow with the source
LONGEST = 3600.0  # seconds without an answer after which a process counts as stuck; bounds end it sooner
READY = "ready"
_context = multiprocessing.get_context("spawn")  # the caller may hold threads, which a fork would freeze


class Readable(Protocol):
    """A source whose items can be read one by one, in any process."""

    def __len__(self) -> int: ...

    def read(self, position: int) -> Item: ...

    def refuse(self, position: int, refusal: StudyRejected) -> Rejection:
        """What is kept of an item that cannot be read, made without parsing it."""
        ...


def spread(source: Readable, workers: int) -> Iterator[Item]:
    """All items of `source` in their order, read by `workers` held processes; in this one for 0.

    The items do not depend on `workers`, but for files that break a bound: those end their process, and this one
    where it reads itself. Raises what reading raises.
    """
    if workers < 1:
        yield from map(source.read, range(len(source)))
        return
    readers = [_Reader(source) for _ in range(workers if len(source) >= FEWEST else 1)]
    try:
        yield from _in_order(source, readers)
    finally:
        for reader in readers:
            reader.close()


def _in_order(source: Readable, readers: list[_Reader]) -> Iterator[Item]:
    chunks = deque(range(0, len(source), CHUNK))
    done: dict[int, Item] = {}
    following = 0
    while following < len(source):
        for reader in readers:
            if reader.idle and chunks and chunks[0] < following + AHEAD * CHUNK * len(readers):
                start = chunks.popleft()
                reader.ask(start, min(start + CHUNK, len(source)))
        for reader in _answering(readers):
            done.update(reader.take())
        while following in done:
            yield done.pop(following)
            following += 1


def _answering(readers: list[_Reader]) -> list[_Reader]:
    busy = {reader.answers: reader for reader in readers if not reader.idle}
    return [busy[found] for found in wait(list(busy), LONGEST) if found in busy] or [
        reader for reader in busy.values() if time.monotonic() - reader.since > LONGEST
    ]


class _Reader:
    """One process and what it was asked for; it answers item by item, so that a death tells which file it was."""

    def __init__(self, source: Readable) -> None:
        self._source, self._next, self._stop = source, 0, 0
        self._start()

    def _start(self) -> None:
        self.answers, theirs = _context.Pipe()
        self._process = _context.Process(target=_serve, args=(self._source, theirs), daemon=True)
        self._process.start()
        theirs.close()
        try:
            ready = self.answers.recv()
        except EOFError:
            ready = None
        if ready != READY:
            raise ServiceUnavailable("a reading process does not start.", "look at the memory of this machine")
        self.since = time.monotonic()

    @property
    def idle(self) -> bool:
        return self._next == self._stop

    def ask(self, start: int, stop: int) -> None:
        """Hand over positions to be read."""
        self._next, self._stop, self.since = start, stop, time.monotonic()
        with suppress(OSError):  # it has died: the end of its answers tells
            self.answers.send((start, stop))

    def take(self) -> dict[int, Item]:
        """The next answer; a refusal where the process died over it."""
        position = self._next
        try:
            if not self.answers.poll():
                raise EOFError
            found = self.answers.recv()
        except (EOFError, OSError):
            found = self._source.refuse(position, self._replace())
        if isinstance(found, BaseException):
            raise found
        self._next, self.since = position + 1, time.monotonic()
        return {position: found}

    def _replace(self) -> StudyRejected:
        self._process.join(1)
        code = self._process.exitcode
        self.close()
        self._start()
        if self._next + 1 < self._stop:
            self.answers.send((self._next + 1, self._stop))
        if code in (-signal.SIGALRM, None):
            return StudyRejected("too_slow", "the file took longer to read than one may.", "check the file")
        return StudyRejected(
            "reader_died", f"the process that read the file ended with code {code}.", "keep the file and report it"
        )

    def close(self) -> None:
        """End the process, whatever it is at."""
        self.answers.close()
        if self._process.is_alive():
            self._process.kill()
        self._process.join()


def _serve(source: Readable, asked: Connection) -> None:
    hold_this_process()
    asked.send(READY)
    while True:
        try:
            start, stop = asked.recv()
        except (EOFError, OSError):
            return
        for position in range(start, stop):
            try:
                item: Item | Exception = source.read(position)
            except Exception as error:  # a bug, or a lack of memory: raised again where the items are asked for
                item = error
            asked.send(item)
