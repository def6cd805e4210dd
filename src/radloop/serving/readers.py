"""The service's reading processes: whatever a client sends is opened in one of them and never in the service itself."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ServiceUnavailable
from radloop.held import Held
from radloop.imaging.intake import Intake
from radloop.serving.reader import Study, read_study

LOG = logging.getLogger("radloop.serving")

Question = tuple[bytes, Intake]


@dataclass(frozen=True)
class _Reading:
    """What a reading process does; the key goes with it, once."""

    pseudonyms: Pseudonyms

    def __call__(self, question: Question) -> Study:
        return read_study(*question, self.pseudonyms)


class Readers:
    """Some held processes, each of which reads one study at a time; any thread may ask."""

    def __init__(self, pseudonyms: Pseudonyms, count: int, seconds: float) -> None:
        self._reading, self._count, self._seconds = _Reading(pseudonyms), count, seconds
        self._idle: SimpleQueue[Held[Question, Study]] = SimpleQueue()
        self._all: list[Held[Question, Study]] = []

    def start(self) -> None:
        """Start the processes; they get ready by themselves."""
        self._all = [Held(self._reading) for _ in range(self._count)]
        for held in self._all:
            self._idle.put(held)

    def stop(self) -> None:
        """End the processes, whatever they are at."""
        for held in self._all:
            held.close()

    def read(self, content: bytes, intake: Intake) -> Study:
        """One study, read and prepared.

        Raises StudyRejected as `read_study` does, and where the bytes end their reader or hold it up; and
        ServiceUnavailable where no process is free in time.
        """
        began = time.perf_counter()
        try:
            held = self._idle.get(timeout=self._seconds)
        except Empty:
            raise ServiceUnavailable(
                "all reading processes are busy.", "ask again, or raise RADLOOP_SERVING_READERS"
            ) from None
        try:
            held.ask((content, intake))
            return replace(held.take(self._seconds), began=began)
        finally:
            self._give_back(held)

    def _give_back(self, held: Held[Question, Study]) -> None:
        if held.ready:
            self._idle.put(held)
        else:
            threading.Thread(target=self._greet, args=(held,), name="replace-reader", daemon=True).start()

    def _greet(self, held: Held[Question, Study]) -> None:
        """Wait for a new process before it is asked, so that the next client is answered by one that is ready."""
        LOG.warning("a file ended the process that read it; another is started")
        try:
            held.greet()
        except ServiceUnavailable as error:
            LOG.error("%s", error)
        finally:
            self._idle.put(held)
