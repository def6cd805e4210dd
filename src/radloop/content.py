"""A file's bytes, held in memory or mapped from the disk: a map costs no memory that a process must keep.

Small files are held, as ever; a tomosynthesis is larger than what a reading process may take, and only passes through.
"""

from __future__ import annotations

import io
import os
import tempfile
import weakref
from collections.abc import Iterable
from contextlib import suppress
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from radloop.errors import ConfigurationError

Content: TypeAlias = bytes | mmap | memoryview
LARGE = 64 << 20  # bytes from which a file is mapped, and what is made of it goes to the disk
_PREFIX = "radloop-scratch"


class Scratch(mmap):
    """Bytes in a temporary file that goes with its last user, and that another process takes over by its path."""

    _cleanup: weakref.finalize[Any, Any] | None = None
    _path: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        if self._cleanup is None:
            return bytes, (self[:],)
        self._cleanup.detach()
        return _taken_over, (self._path,)


def read_content(path: Path) -> bytes | mmap:
    """A file's bytes, mapped where it is large. Raises OSError where it cannot be read."""
    with path.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size <= LARGE:
            return stream.read()
        return mmap(stream.fileno(), 0, access=ACCESS_READ)


def cut(stream: BinaryIO, offset: int, length: int) -> bytes | memoryview:
    """Part of an open file, mapped where it is large; shorter than `length` where the file ends before."""
    if length <= LARGE or os.fstat(stream.fileno()).st_size < offset + length:
        stream.seek(offset)
        return stream.read(length)
    start = offset - offset % os.sysconf("SC_PAGE_SIZE")
    pages = mmap(stream.fileno(), offset - start + length, access=ACCESS_READ, offset=start)
    return memoryview(pages)[offset - start :]


def joined(pieces: Iterable[bytes | memoryview], length: int) -> bytes | mmap:
    """The pieces one behind the other, which are made one at a time; in a temporary file where `length` is large.

    Raises ConfigurationError where that cannot be written.
    """
    if length <= LARGE:
        return b"".join(pieces)
    _sweep()
    try:
        descriptor, path = tempfile.mkstemp(prefix=f"{_PREFIX}-{os.getpid()}-")
    except OSError as error:
        raise _no_room(error) from error
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            content = Scratch(stream.fileno(), 0, access=ACCESS_READ)
    except OSError as error:
        _remove(path)
        raise _no_room(error) from error
    except BaseException:
        _remove(path)
        raise
    content._path, content._cleanup = path, weakref.finalize(content, _remove, path)
    return content


def stream_of(content: Content) -> io.BufferedIOBase:
    """A stream over a file's bytes that copies nothing but what is read."""
    if isinstance(content, bytes):
        return io.BytesIO(content)
    return io.BufferedReader(_Viewed(memoryview(content)))


class _Viewed(io.RawIOBase):
    """A stream over bytes that somebody else holds, because io.BytesIO would copy them."""

    name = ""  # pydicom asks every buffered reader for it

    def __init__(self, view: memoryview) -> None:
        self._view, self._at = view, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._view)}[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        piece = self._view[self._at : self._at + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def _taken_over(path: str) -> bytes | mmap:
    with Path(path).open("rb") as stream:
        content = Scratch(stream.fileno(), 0, access=ACCESS_READ)
    _remove(path)  # a map needs no name
    return content


def _remove(path: str) -> None:
    with suppress(OSError):
        Path(path).unlink()


def _sweep() -> None:
    """Remove what processes left that were killed: their number stands in the name."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}-*"):
        number = path.name.removeprefix(f"{_PREFIX}-").split("-")[0]
        if number.isdigit() and not Path("/proc", number).exists():
            _remove(str(path))


def _no_room(error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"cannot write in {tempfile.gettempdir()}: {error.strerror or type(error).__name__}",
        "free space there, or set TMPDIR to a disk with room for the largest object",
    )
