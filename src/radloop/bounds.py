"""What one file may cost: time and memory, held by the kernel in processes that were started to read files.

A codec or a parser in C can neither be interrupted nor be asked how much it will take, so the process is the fence:
an alarm kills it, a limit makes its allocations fail. RLIMIT_DATA and not RLIMIT_AS, because libraries map hundreds
of megabytes that they never touch, and a limit on addresses would mostly count those.
"""

from __future__ import annotations

import resource
import signal
import time
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


def require_decodable(mib: float, allowed: float) -> None:
    """Raises StudyRejected for more MiB of decoded pixels than a file of its modality may have."""
    if mib > allowed:
        raise StudyRejected(
            "decoded_too_large",
            f"{mib:.0f} MiB of pixels are more than the {allowed:.0f} that its modality may have.",
            "check the file, or raise deidentify.largest_decoded_mib",
        )


def hold_this_process() -> None:
    """Let bounds bite from now on: a file that takes too long ends the process by SIGALRM."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    if not _held:
        _held.append(True)


@contextmanager
def bounded(bound: Bound) -> Iterator[None]:
    """Run a step under a bound, where this process is held; elsewhere only a lack of memory is told.

    A bound within a bound takes no more than what is left of that one.
    Raises StudyRejected where the memory does not suffice.
    """
    held = bool(_held)
    if held:
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted, limits = _data_bytes() + int(bound.mib * MIB), [limit for limit in (soft, hard) if limit >= 0]
        resource.setrlimit(resource.RLIMIT_DATA, (min(wanted, *limits) if limits else wanted, hard))
        began, (left, _) = time.monotonic(), signal.getitimer(signal.ITIMER_REAL)
        signal.setitimer(signal.ITIMER_REAL, min(bound.seconds, left or bound.seconds))
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
            rest = max(left - (time.monotonic() - began), 1e-3) if left else 0  # of the bound around this one
            signal.setitimer(signal.ITIMER_REAL, rest)
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes() -> int:
    """Private writable memory of this process, which is what RLIMIT_DATA counts."""
    for line in _STATUS.read_bytes().splitlines():
        if line.startswith(b"VmData:"):
            return int(line.split()[1]) * 1024
    return 0
