"""Read a source with several processes: pydicom gains nothing from threads."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Protocol

from radloop.records import Arrival, Rejection

Item = Arrival | Rejection
CHUNK = 16  # files of one task: enough to hide the cost of handing it over
FEWEST = 400  # files below which starting processes costs more than it gains
AHEAD = 3  # chunks per process in flight, so that memory does not grow with the source


class Readable(Protocol):
    """A source whose items can be read one by one, in any process."""

    def __len__(self) -> int: ...

    def read(self, position: int) -> Item: ...


def spread(source: Readable, workers: int) -> Iterator[Item]:
    """All items of `source` in their order, read by `workers` processes where that pays.

    The items do not depend on `workers`. Raises what reading raises.
    """
    if workers < 2 or len(source) < FEWEST:
        yield from map(source.read, range(len(source)))
        return
    # spawned and not forked: the caller may hold threads, which a fork would freeze
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_adopt, initargs=(source,))
    try:
        yield from _in_order(pool, len(source), AHEAD * workers)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, count: int, ahead: int) -> Iterator[Item]:
    flying: deque[Future[list[Item]]] = deque()
    for start in range(0, count, CHUNK):
        flying.append(pool.submit(_read, start, min(start + CHUNK, count)))
        if len(flying) > ahead:
            yield from flying.popleft().result()
    while flying:
        yield from flying.popleft().result()


_adopted: list[Readable] = []  # the source that this process was started for


def _adopt(source: Readable) -> None:
    _adopted.append(source)


def _read(start: int, stop: int) -> list[Item]:
    return [_adopted[0].read(position) for position in range(start, stop)]
