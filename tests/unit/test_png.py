"""Only 8-bit greyscale comes in, and nothing but its pixels stays."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from radloop.errors import StudyRejected
from radloop.png import LARGEST_PIXELS, SIGNATURE, clean_png, read_png

PngOf = Callable[..., bytes]
WithChunk = Callable[[bytes, bytes, bytes], bytes]
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)


def reason_of(content: bytes) -> str:
    with pytest.raises(StudyRejected) as refusal:
        clean_png(content)
    return refusal.value.reason


@pytest.mark.parametrize("kind", [b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"tIME", b"prVt"])
def test_a_chunk_that_may_name_a_patient_is_stripped(png_of: PngOf, with_chunk: WithChunk, kind: bytes) -> None:
    content = with_chunk(png_of(PIXELS), kind, b"Author\0Zanzibar")
    stripped, pixels = clean_png(content)
    assert b"Zanzibar" not in stripped
    np.testing.assert_array_equal(pixels, PIXELS)
    np.testing.assert_array_equal(read_png(stripped), PIXELS)


def test_bytes_behind_the_end_are_dropped(png_of: PngOf) -> None:
    assert b"Zanzibar" not in clean_png(png_of(PIXELS) + b"Zanzibar")[0]


def test_bytes_hidden_behind_the_compressed_pixels_are_dropped() -> None:
    raster = b"".join(b"\0" + row.tobytes() for row in PIXELS)
    head = struct.pack(">IIBBBBB", 30, 20, 8, 0, 0, 0, 0)
    data = zlib.compress(raster) + b"Zanzibar"
    chunks = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    content = SIGNATURE + b"".join(
        struct.pack(">I4s", len(d), k) + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks
    )
    stripped, pixels = clean_png(content)
    assert b"Zanzibar" not in stripped
    np.testing.assert_array_equal(pixels, PIXELS)


def test_a_clean_png_is_stored_byte_for_byte(png_of: PngOf) -> None:
    assert clean_png(png_of(PIXELS))[0] == png_of(PIXELS)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_a_colour_png_is_refused(mode: str) -> None:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(stream, "png")
    assert reason_of(stream.getvalue()) == "png_colour"


def test_a_16_bit_png_is_refused(png_of: PngOf) -> None:
    assert reason_of(png_of(PIXELS.astype(np.uint16) * 257)) == "png_bit_depth"


def test_every_truncation_is_refused(png_of: PngOf) -> None:
    content = png_of(PIXELS)
    for cut in range(8, len(content), 7):
        assert reason_of(content[:cut]) in ("png_truncated", "png_damaged")


def test_a_flipped_bit_fails_the_checksum(png_of: PngOf) -> None:
    content = bytearray(png_of(PIXELS))
    content[60] ^= 1
    assert reason_of(bytes(content)) == "png_damaged"


def test_a_header_that_promises_too_many_pixels_is_refused_before_memory_is_taken(png_of: PngOf) -> None:
    content = bytearray(png_of(PIXELS))
    content[16:24] = struct.pack(">II", LARGEST_PIXELS, 2)
    assert reason_of(bytes(content)) == "image_size"
