"""What one file may cost: time and memory, held by the kernel in processes that were started to read files.

A codec or a parser in C can neither be interrupted nor be asked how much it will take, so the process is the fence:
an alarm kills it, a limit makes its allocations fail. RLIMIT_DATA and not RLIMIT_AS, because libraries map hundreds
of megabytes that they never touch, and a limit on addresses would mostly count those.
"""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from radloop.errors import StudyRejected

MIB = 1 << 20
_STATUS = Path("/proc/self/status")
_held: list[bool] = []  # of this process


@dataclass(frozen=True)
class Bound:
    """Seconds of wall time, and MiB beyond what the process holds when its step begins (the file among it)."""

    seconds: float
    mib: float


HEADER = Bound(2.0, 512)
DECODED_PER_SECOND = 4.0  # MiB a second, a third of what JPEG 2000, the slowest codec, gives in `radloop bench decode`
COPIES = 8  # of the decoded pixels that may live at a time: codec, frame, mask, file, each with its result


def decoding(decoded: float, held: float | None = None) -> Bound:
    """The bound for taking `decoded` MiB of pixels out of a file, which are counted before.

    `held` are those of them that live at a time: a frame, where the object is read frame by frame.
    """
    return Bound(30 + decoded / DECODED_PER_SECOND, HEADER.mib + COPIES * (decoded if held is None else held))


def hold_this_process() -> None:
    """Let bounds bite from now on: a file that takes too long ends the process by SIGALRM."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    if not _held:
        _held.append(True)


@contextmanager
def bounded(bound: Bound) -> Iterator[None]:
    """Run a step under a bound, where this process is held; elsewhere only a lack of memory is told.

    Raises StudyRejected where the memory does not suffice.
    """
    held = bool(_held)
    if held:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = _data_bytes() + int(bound.mib * MIB)
        resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard < 0 else min(wanted, hard), hard))
        signal.setitimer(signal.ITIMER_REAL, bound.seconds)
    try:
        yield
    except MemoryError:
        raise StudyRejected(
            "too_much_memory",
            f"the file needs more than the {bound.mib:.0f} MiB that this step may take.",
            "check the file; no legal one of its size needs that much",
        ) from None
    finally:
        if held:
            signal.setitimer(signal.ITIMER_REAL, 0)
            resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _data_bytes() -> int:
    """Private writable memory of this process, which is what RLIMIT_DATA counts."""
    for line in _STATUS.read_bytes().splitlines():
        if line.startswith(b"VmData:"):
            return int(line.split()[1]) * 1024
    return 0
