"""8-bit greyscale PNG: the one lossless picture format that radloop takes beside DICOM.

A PNG can carry text, dates and Exif beside its pixels, and bytes after its end; none of that is kept.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

import numpy as np
from PIL import Image

from radloop.bounds import HEADER, MIB, bounded, decoding, require_decodable
from radloop.errors import StudyRejected

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGEST_PIXELS = 100_000_000  # a forged header must not make us allocate the machine's memory
_GREYSCALE = 0
_MEND = "export the film as 8-bit greyscale PNG or as DICOM"


@dataclass(frozen=True)
class Header:
    """What IHDR says (PNG specification, third edition, 11.2.1)."""

    columns: int
    rows: int
    bits: int
    colour: int
    interlaced: bool


def is_png(content: bytes) -> bool:
    """Whether the bytes begin as every PNG does."""
    return content.startswith(SIGNATURE)


def read_png(content: bytes) -> np.ndarray:
    """Decode an 8-bit greyscale PNG, so that its grey values reach the network unscaled.

    Returns uint8 [rows, columns]. Raises StudyRejected for colour, other depths and damage.
    """
    header = _read_header(content)
    _check(header)
    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.array(image)
    except (OSError, SyntaxError, ValueError, zlib.error, struct.error):
        raise StudyRejected("png_damaged", "the PNG cannot be decoded.", "export the image again") from None


def clean_png(content: bytes, largest_mib: float = inf) -> tuple[bytes, np.ndarray]:
    """Strip a PNG of everything but its pixels, because text chunks may name a patient.

    Returns the stripped bytes and their pixels, uint8 [rows, columns].
    Raises StudyRejected for colour, other depths, damage, truncation and more MiB of pixels than allowed.
    """
    with bounded(HEADER):
        header = _read_header(content)
        _check(header)
        kept = [(kind, data) for kind, data in _chunks(content) if kind in (b"IHDR", b"IDAT", b"IEND")]
    decoded = header.rows * header.columns / MIB
    require_decodable(decoded, largest_mib)
    with bounded(decoding(decoded)):
        exact = _raster_is_exact(header, b"".join(data for kind, data in kept if kind == b"IDAT"))
        stripped = SIGNATURE + b"".join(_chunk(kind, data) for kind, data in kept)
        pixels = read_png(stripped)
        return (stripped if exact else encode_png(pixels)), pixels


def _read_header(content: bytes) -> Header:
    if not is_png(content):
        raise StudyRejected("not_png", "the file is not PNG.", _MEND)
    if len(content) < 33 or content[12:16] != b"IHDR":
        raise StudyRejected("png_truncated", "the PNG ends before its header does.", "copy the file again")
    columns, rows, bits, colour, _, _, interlace = struct.unpack(">IIBBBBB", content[16:29])
    return Header(columns, rows, bits, colour, bool(interlace))


def _check(header: Header) -> None:
    if header.colour != _GREYSCALE:
        raise StudyRejected("png_colour", f"a PNG of colour type {header.colour} is not greyscale (type 0).", _MEND)
    if header.bits != 8:
        raise StudyRejected("png_bit_depth", f"a PNG of {header.bits} bits is not an 8-bit one.", _MEND)
    if not 0 < header.rows * header.columns <= LARGEST_PIXELS:
        raise StudyRejected(
            "image_size",
            f"{header.columns}x{header.rows} pixels are not between 1 and {LARGEST_PIXELS}.",
            "check the export",
        )


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of each chunk up to IEND; what follows IEND is no part of the picture."""
    position = len(SIGNATURE)
    while position + 12 <= len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        end = position + 8 + length
        data, crc = content[position + 8 : end], content[end : end + 4]
        if len(crc) < 4:
            break
        if zlib.crc32(kind + data) != int.from_bytes(crc, "big"):
            raise StudyRejected("png_damaged", "a chunk of the PNG fails its checksum.", "copy the file again")
        yield kind, data
        if kind == b"IEND":
            return
        position = end + 4
    raise StudyRejected("png_truncated", "the PNG ends before its last chunk.", "copy the file again")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


def _raster_is_exact(header: Header, raster: bytes) -> bool:
    """Whether the compressed stream holds the pixels and not a byte more, in which a text could hide.

    Raises StudyRejected where it holds fewer.
    """
    if header.interlaced:
        return False
    wanted = header.rows * (header.columns + 1)
    inflate = zlib.decompressobj()
    try:
        found = len(inflate.decompress(raster, wanted + 1))
    except zlib.error:
        raise StudyRejected("png_damaged", "the PNG's pixels cannot be inflated.", "copy the file again") from None
    if found < wanted:
        raise StudyRejected("png_truncated", "the PNG holds fewer pixels than it says.", "copy the file again")
    return found == wanted and inflate.eof and not inflate.unused_data


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode uint8 [rows, columns] as a PNG that holds its pixels and nothing else."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()
