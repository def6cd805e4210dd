"""How much memory a process holds together with all that came of it, looked at while it works."""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Thread
from types import TracebackType

import psutil

INTERVAL = 0.5  # seconds; a look costs a few milliseconds


def resident(process: psutil.Process) -> float:
    """Resident memory of a process and its descendants in MiB; pages that they share count for each of them."""
    held = 0
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # it has ended since it was listed
            held += one.memory_info().rss
    return held / 2**20


class PeakMemory:
    """Highest resident memory, in MiB, of this process and its descendants while the context is open.

    A thread looks every `interval` seconds, so a shorter peak may be missed, and a process that outlives its parent
    is not seen any more; shared pages are counted for each process, so what was seen is never told too low.
    """

    def __init__(self, interval: float = INTERVAL) -> None:
        self.mib = 0.0
        self._interval, self._ended = interval, Event()
        self._thread = Thread(target=self._watch, name="peak memory", daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        process = psutil.Process()
        while True:
            self.mib = max(self.mib, resident(process))
            if self._ended.wait(self._interval):
                return
