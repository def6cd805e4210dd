"""Compressed frames by the fastest decoder at hand, where what the stream says of itself is what the header says.

Anything else, and a stream that breaks off or that the fast decoder refuses, is left to pydicom's plugins, which
correct precision and sign; so these here may stay few and simple. Lossy streams are left to them too: there decoders
differ, and a film's bytes must not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from radloop.errors import StudyRejected

_END = b"\xff\xd9"  # EOI of JPEG (ISO 10918-1 B.1.1.3), EOC of JPEG 2000 (ISO 15444-1 A.4.4)
_LONGEST_WALK = 64  # marker segments before a frame header; scanners write fewer than ten


@dataclass(frozen=True)
class Plane:
    """What the header says of one frame: pixels, bits that hold a value, bits of its container, sign."""

    rows: int
    columns: int
    stored: int
    allocated: int
    signed: bool

    @property
    def kind(self) -> np.dtype[np.generic]:
        """The type of a stored value."""
        return np.dtype(f"<{'i' if self.signed else 'u'}{self.allocated // 8}")

    def is_told_by(self, told: tuple[int, int, int, int] | None) -> bool:
        """Whether a stream's precision, rows, columns and components are those of this plane.

        Its precision may be wider than the bits that hold a value. Raises StudyRejected where the stream contradicts
        the header: some plugin ends the process over that.
        """
        if told is None:
            return False
        precision, rows, columns, components = told
        if precision > self.allocated or (rows and (rows, columns) != (self.rows, self.columns)):
            raise StudyRejected("undecodable_pixels", "the stream is of another size than the header.", "re-export")
        return precision >= self.stored and rows == self.rows and components == 1


def fast_frame(stream: bytes, syntax: str, plane: Plane) -> np.ndarray | None:
    """One frame as `decode_frame` gives it; None as well where its library fails, for pydicom's may not.

    Bits above BitsStored are as the stream has them, not the sign. Raises StudyRejected where a stream contradicts
    the header. Source: PS3.5 A.4 and 8.2.
    """
    try:
        return decode_frame(stream, syntax, plane)
    except (KeyboardInterrupt, SystemExit, StudyRejected, MemoryError):
        raise
    except BaseException:  # codecs of foreign bytes fail in any way, a panic in Rust among them
        return None


def decode_frame(stream: bytes, syntax: str, plane: Plane) -> np.ndarray | None:
    """One frame [rows, columns] of a syntax that has a fast decoder; None where the stream tells another plane.

    Raises whatever its library raises.
    """
    pixels = DECODERS[syntax](stream, plane)
    if pixels is None or pixels.shape != (plane.rows, plane.columns) or pixels.itemsize != plane.kind.itemsize:
        return None
    return pixels.view(plane.kind)


def _jpeg(stream: bytes, plane: Plane) -> np.ndarray | None:
    from imagecodecs import jpeg_decode

    return np.asarray(jpeg_decode(stream)) if plane.is_told_by(_frame_header(stream, 0xC3)) else None


def _jpeg_ls(stream: bytes, plane: Plane) -> np.ndarray | None:
    from imagecodecs import jpegls_decode

    return np.asarray(jpegls_decode(stream)) if plane.is_told_by(_frame_header(stream, 0xF7)) else None


def _jpeg_2000(stream: bytes, plane: Plane) -> np.ndarray | None:
    from imagecodecs import jpeg2k_decode

    return np.asarray(jpeg2k_decode(stream, numthreads=1)) if plane.is_told_by(_image_size(stream, plane)) else None


def _htj2k(stream: bytes, plane: Plane) -> np.ndarray | None:
    from imagecodecs import htj2k_decode

    return np.asarray(htj2k_decode(stream)) if plane.is_told_by(_image_size(stream, plane)) else None


def _rle(stream: bytes, plane: Plane) -> np.ndarray | None:
    from rle.rle import decode_frame as decode_rle

    content = decode_rle(stream, plane.rows * plane.columns, plane.allocated, "<")
    return np.frombuffer(content, plane.kind).reshape(plane.rows, plane.columns)


def _frame_header(stream: bytes, marker: int) -> tuple[int, int, int, int] | None:
    """Precision, rows, columns and components that a JPEG stream tells; None for another kind, or one without end.

    libjpeg fills a stream that breaks off with grey and only warns. Source: ISO 10918-1 B.2.2.
    """
    if not _ends(stream):
        return None
    place = 2
    for _ in range(_LONGEST_WALK):
        if stream[place] != 0xFF:
            return None
        if stream[place + 1] == marker:
            body = stream[place + 4 : place + 10]
            return body[0], int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big"), body[5]
        place += 2 + int.from_bytes(stream[place + 2 : place + 4], "big")
    return None


def _image_size(stream: bytes, plane: Plane) -> tuple[int, int, int, int] | None:
    """The same of a bare JPEG 2000 codestream; None where its sign is not the header's. Source: ISO 15444-1 A.5.1."""
    if stream[:4] != b"\xff\x4f\xff\x51" or not _ends(stream):
        return None
    right, low, left, top = (int.from_bytes(stream[start : start + 4], "big") for start in (8, 12, 16, 20))
    components, depth = int.from_bytes(stream[40:42], "big"), stream[42]
    if bool(depth & 0x80) != plane.signed:
        return None
    return (depth & 0x7F) + 1, low - top, right - left, components


def _ends(stream: bytes) -> bool:
    return stream[-16:].rstrip(b"\0").endswith(_END)


#: JPEG lossless, JPEG-LS (near-lossless is exact in its decoding), JPEG 2000 and HTJ2K lossless, RLE (PS3.6 A).
DECODERS: dict[str, Callable[[bytes, Plane], np.ndarray | None]] = {
    "1.2.840.10008.1.2.4.57": _jpeg,
    "1.2.840.10008.1.2.4.70": _jpeg,
    "1.2.840.10008.1.2.4.80": _jpeg_ls,
    "1.2.840.10008.1.2.4.81": _jpeg_ls,
    "1.2.840.10008.1.2.4.90": _jpeg_2000,
    "1.2.840.10008.1.2.4.201": _htj2k,
    "1.2.840.10008.1.2.4.202": _htj2k,
    "1.2.840.10008.1.2.5": _rle,
}
