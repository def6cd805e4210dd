"""Processes that may be lost: each answers questions one by one, and a death is told as the refusal of its question.

Whatever reads bytes that somebody sent does it in one of these: a file can end, stall or bloat the process that
reads it, and nothing else. Bytes go over in files in memory, because a pipe would copy them six times.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import cycle
from multiprocessing.connection import Connection
from multiprocessing.reduction import DupFd
from typing import Any, Generic, TypeVar

from radloop.bounds import MIB, hold_this_process
from radloop.errors import RadloopError, ServiceUnavailable, StudyRejected, place_of

DEPTH = 4  # questions under way, so that a process never waits for the next one
LARGE = 64 * 1024  # bytes from which a value goes by the tray and not by the pipe
KEPT = 64 * MIB  # of a tray's memory that stays for the next question
LONGEST = 3600.0  # seconds without an answer after which a process counts as stuck; bounds end it sooner
STARTING = 60.0  # seconds in which a process must have started, on however busy a machine
_READY = "ready"
_context = multiprocessing.get_context("spawn")  # the caller may hold threads, which a fork would freeze

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Unforeseen(Exception):
    """A bug that a held process met: its kind and its place, for its words may quote a patient."""


class Held(Generic[Question, Answer]):
    """One process that does `work` to what it is asked, in order, and is replaced where a question ends it."""

    answers: Connection
    ready: bool

    def __init__(self, work: Callable[[Question], Answer]) -> None:
        self._work = work
        self._asked: deque[Question] = deque()
        self._files = [os.memfd_create("tray") for _ in range(DEPTH)]
        self._start()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._asked

    @property
    def free(self) -> bool:
        """Whether one more question may be asked before an answer is taken."""
        return len(self._asked) < DEPTH

    @property
    def stuck(self) -> bool:
        """Whether the present question has taken longer than any may."""
        return not self.idle and time.monotonic() - self._since > LONGEST

    def ask(self, question: Question) -> None:
        """Hand over one question; `take` gives its answer behind those of the questions before."""
        if self.idle:
            self._since = time.monotonic()
        self._asked.append(question)
        self._send(question)

    def take(self, seconds: float = LONGEST) -> Answer:
        """The answer to the oldest question, waited for at most `seconds` from when its turn came.

        Raises StudyRejected where the process died over it or took too long, what `work` raised of our own errors,
        Unforeseen for any other, and ServiceUnavailable where a process does not start.
        """
        try:
            self.greet()
            hung = not self.answers.poll(max(0.0, self._since + seconds - time.monotonic()))
            answer = None if hung else self.answers.recv()
        except (EOFError, OSError):
            raise self._replaced(hung=False) from None
        if hung:
            raise self._replaced(hung=True)
        answer = _Tray(self._trays[0]).take(answer)
        self._trays.rotate(-1)
        self._asked.popleft()
        self._since = time.monotonic()
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[no-any-return]

    def greet(self) -> None:
        """Wait until the process has started. Raises ServiceUnavailable where it does not."""
        if self.ready:
            return
        with suppress(EOFError, OSError):
            self.ready = self.answers.poll(STARTING) and self.answers.recv() == _READY
        if not self.ready:
            self._end()
            self._asked.clear()
            self._start()
            raise ServiceUnavailable("a reading process does not start.", "look at the memory of this machine")
        self._since = time.monotonic()

    def close(self) -> None:
        """End the process, whatever it is at."""
        self._end()
        for file in self._files:
            os.close(file)
        self._files.clear()

    def _start(self) -> None:
        """Start a process and do not wait for it, so that several start side by side."""
        self._trays, self.ready, self._since = deque(self._files), False, time.monotonic()
        self.answers, theirs = _context.Pipe()
        self._process = _context.Process(
            target=_serve, args=(self._work, theirs, [DupFd(file) for file in self._files]), daemon=True
        )
        self._process.start()
        theirs.close()

    def _send(self, question: Question) -> None:
        laid = _Tray(self._trays[len(self._asked) - 1]).lay(question)
        with suppress(OSError):  # it has died: the end of its answers tells
            self.answers.send(laid)

    def _replaced(self, hung: bool) -> StudyRejected:
        if not hung:
            self._process.join(1)
        code = self._process.exitcode
        self._end()
        self._asked.popleft()
        self._start()
        rest, self._asked = list(self._asked), deque()
        for question in rest:
            self.ask(question)
        if code in (-signal.SIGALRM, None):
            return StudyRejected("too_slow", "the file took longer to read than one may.", "check the file")
        return StudyRejected(
            "reader_died", f"the process that read the file ended with code {code}.", "keep the file and report it"
        )

    def _end(self) -> None:
        self.answers.close()
        if self._process.is_alive():
            self._process.kill()
        self._process.join()


@dataclass(frozen=True)
class _Laid:
    """Where bytes lie in a tray."""

    start: int
    length: int


class _Tray:
    """A file in memory that two processes hold open, for the large bytes of one question or of its answer."""

    def __init__(self, file: int) -> None:
        self._file, self._end = file, 0

    def lay(self, thing: Any) -> Any:
        """The thing with its large bytes left here."""
        return _exchanged(thing, self._put)

    def take(self, thing: Any) -> Any:
        """The thing with its bytes, after which the tray is free."""
        whole = _exchanged(thing, self._get)
        if os.fstat(self._file).st_size > KEPT:
            os.ftruncate(self._file, KEPT)
        return whole

    def _put(self, thing: Any) -> Any:
        if type(thing) is not bytes or len(thing) < LARGE:
            return thing
        start, self._end = self._end, self._end + len(thing)
        rest = memoryview(thing)
        while rest:  # Linux writes at most 2 GiB at once, and reads no more
            rest = rest[os.pwrite(self._file, rest, self._end - len(rest)) :]
        return _Laid(start, len(thing))

    def _get(self, thing: Any) -> Any:
        if not isinstance(thing, _Laid):
            return thing
        parts, start, length = [], thing.start, thing.length
        while length:
            parts.append(os.pread(self._file, length, start))
            start, length = start + len(parts[-1]), length - len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _exchanged(thing: Any, exchange: Callable[[Any], Any]) -> Any:
    """`thing` with each value in it exchanged that lies in tuples and data classes alone."""
    if type(thing) is tuple:
        return tuple(_exchanged(part, exchange) for part in thing)
    if not is_dataclass(thing) or isinstance(thing, type | _Laid):
        return exchange(thing)
    told = {one.name: getattr(thing, one.name) for one in fields(thing)}
    changed = {name: new for name, old in told.items() if (new := _exchanged(old, exchange)) is not old}
    return replace(thing, **changed) if changed else thing


def _serve(work: Callable[[Any], Any], asked: Connection, files: list[Any]) -> None:
    hold_this_process()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; this one ends with its questions
    try:
        trays = [file.detach() for file in files]
        asked.send(_READY)
    except (EOFError, OSError):  # whoever started this one has gone meanwhile
        return
    for tray in cycle(trays):
        try:
            question = _Tray(tray).take(asked.recv())
        except (EOFError, OSError):
            return
        answer = _answered(work, question)
        with suppress(BrokenPipeError):
            asked.send(_Tray(tray).lay(answer))


def _answered(work: Callable[[Any], Any], question: object) -> Any:
    try:
        return work(question)
    except RadloopError as error:
        return error
    except Exception as error:  # a bug, or a lack of memory: raised again where the answer is asked for
        return Unforeseen(f"{type(error).__name__} in {place_of(error)}")
