"""Read a source in held processes: several at a time, and each a fence around the file that it reads.

A process that a file kills, or that a file holds up, is replaced; the file is refused with the reason, and the files
behind it are read by the next one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import wait
from typing import Generic, Protocol, TypeVar

from radloop.errors import StudyRejected
from radloop.held import LONGEST, Held

AHEAD = 16  # items per process beyond the next one, so that memory does not grow with the source
TRIED = 4  # items after which the rest is judged
START = 1.0  # seconds that starting a process takes, more or less

Item = TypeVar("Item", covariant=True)


class Readable(Protocol[Item]):
    """A source whose items can be read one by one, in any process."""

    def __len__(self) -> int: ...

    def read(self, position: int) -> Item: ...

    def refuse(self, position: int, refusal: StudyRejected) -> Item:
        """What is kept of an item that cannot be read, made without parsing it."""
        ...


def spread(source: Readable[Item], workers: int) -> Iterator[Item]:
    """All items of `source` in their order, read by up to `workers` held processes; in this one for 0.

    More than one is started where the first items say that the rest takes long enough. The items do not depend on
    `workers`, but for files that break a bound: those end their process, and this one where it reads itself. Raises
    what reading raises.
    """
    if workers < 1:
        yield from map(source.read, range(len(source)))
        return
    readers = [_Reader(source)]
    try:
        yield from _in_order(source, readers, workers)
    finally:
        for reader in readers:
            reader.close()


def _in_order(source: Readable[Item], readers: list[_Reader[Item]], workers: int) -> Iterator[Item]:
    done: dict[int, Item] = {}
    following = asked = 0
    began = 0.0
    while following < len(source):
        for reader in readers:
            while reader.held.free and asked < min(len(source), following + AHEAD * len(readers)):
                reader.ask(asked)
                asked += 1
        for reader in _answering(readers):
            done.update(reader.take())
        began = began or time.monotonic()
        if len(readers) < workers and following >= TRIED and _pays(following, began, len(source)):
            readers += [_Reader(source) for _ in range(workers - len(readers))]
        while following in done:
            yield done.pop(following)
            following += 1


def _pays(done: int, began: float, items: int) -> bool:
    """Whether a second process would be worth its start, going by the time that the first items took."""
    return (time.monotonic() - began) / done * (items - done) > 2 * START


def _answering(readers: list[_Reader[Item]]) -> list[_Reader[Item]]:
    busy = {reader.held.answers: reader for reader in readers if not reader.held.idle}
    return [busy[found] for found in wait(list(busy), LONGEST) if found in busy] or [
        reader for reader in busy.values() if reader.held.stuck
    ]


class _Reader(Generic[Item]):
    """One held process and the positions that it is at."""

    def __init__(self, source: Readable[Item]) -> None:
        self._source, self._positions = source, deque[int]()
        self.held: Held[int, Item] = Held(source.read)

    def ask(self, position: int) -> None:
        self._positions.append(position)
        self.held.ask(position)

    def take(self) -> dict[int, Item]:
        """The next answer; a refusal where the process died over it, nothing where it has only just started."""
        if not self.held.ready:
            self.held.greet()
            return {}
        position = self._positions.popleft()
        try:
            return {position: self.held.take()}
        except StudyRejected as refusal:
            return {position: self._source.refuse(position, refusal)}

    def close(self) -> None:
        self.held.close()
