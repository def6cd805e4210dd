"""Named kinds of bad compressed pixels, and of bad PNG."""

from __future__ import annotations

import zlib
from struct import pack

from radloop.fuzzing.films import (
    HTJ2K,
    JPEG,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    RLE,
    SEQUENCE_END,
    Kind,
    attributes,
    encapsulated,
    item,
    raw_element,
    rle,
    wrapped,
)
from radloop.png import SIGNATURE
from radloop.simulate.dicom_encode import data_set

_NOISE = bytes((31 * at + at // 7) & 0xFF for at in range(600))


def strange_fragments() -> list[Kind]:
    """Encapsulated pixels (PS3.5 A.4) that are not what they say."""
    good = rle("rle")
    huge = b"\xff\x4f\xff\x51" + pack(">HHIIIIIIIIH", 41, 0, *[0xFFFFFFFF] * 2, 0, 0, 1, 1, 0, 0, 1) + b"\x0b\1\1"
    large = b"\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00" + _NOISE + b"\xff\xd9"
    kinds = {
        "rle_without_offset_table": (RLE, [rle("rle_without_offset_table")], ""),
        "rle_offsets_absurd": (RLE, [pack("<16I", 2, 64, 0xFFFFFFF0, *[0] * 13) + good[64:]], "undecodable_pixels"),
        "rle_offsets_reversed": (RLE, [pack("<16I", 2, 190, 64, *[0] * 13) + good[64:]], "undecodable_pixels"),
        "rle_no_segments": (RLE, [pack("<16I", *[0] * 16) + good[64:]], "undecodable_pixels"),
        "rle_too_many_segments": (RLE, [pack("<16I", 0xFFFF, *[64] * 15) + good[64:]], "undecodable_pixels"),
        "rle_cut": (RLE, [good[:100]], "undecodable_pixels"),
        "rle_header_only": (RLE, [good[:20]], "undecodable_pixels"),
        "no_fragments": (RLE, [], "undecodable_pixels"),
        "empty_fragments": (RLE, [b""] * 50, "undecodable_pixels"),
        "jpeg_noise": (JPEG, [_NOISE], "undecodable_pixels"),
        "jpeg_larger_than_header": (JPEG, [large], "undecodable_pixels"),
        "jpeg_lossless_cut": (JPEG_LOSSLESS, [b"\xff\xd8\xff\xc3\x00\x0b\x10\x00"], "undecodable_pixels"),
        "jpeg_ls_noise": (
            JPEG_LS,
            [b"\xff\xd8\xff\xf7\x00\x0b\x10\xff\xff\xff\xff\x01\x01\x11\x00" + _NOISE],
            "undecodable_pixels",
        ),
        "jpeg_2000_noise": (JPEG_2000, [_NOISE], "undecodable_pixels"),
        "jpeg_2000_of_4_gib": (JPEG_2000, [huge + _NOISE], "undecodable_pixels"),
        "htj2k_noise": (HTJ2K, [b"\xff\x4f\xff\x51" + _NOISE], "undecodable_pixels"),
    }
    found = [Kind(name, encapsulated(name, syntax, parts), why) for name, (syntax, parts, why) in kinds.items()]
    endless = raw_element(0x7FE0, 0x0010, b"OB", 0xFFFFFFFF, b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + good)
    pointing = raw_element(0x7FE0, 0x0010, b"OB", 0xFFFFFFFF, item(pack("<I", 1 << 30)) + item(good) + SEQUENCE_END)
    return [
        *found,
        Kind("fragments_without_end", encapsulated("fragments_without_end", RLE, [good], b""), "truncated"),
        Kind("fragment_of_undefined_length", _with(endless, "fragment_of_undefined_length"), "truncated"),
        Kind("offset_table_outside", _with(pointing, "offset_table_outside"), ""),
    ]


def _with(raw: bytes, name: str) -> bytes:
    return wrapped(data_set(attributes(name, PixelData=None)) + raw, RLE)


def bad_pngs() -> list[Kind]:
    """PNG files that are damaged, or larger inside than outside."""
    raster = zlib.compress(b"".join(b"\0" + bytes([row] * 10) for row in range(12)))
    good = png(10, 12, raster)
    bomb = zlib.compress(bytes(64 << 20), 9)
    return [
        Kind("png_good", good, ""),
        Kind("png_text_bomb", png(10, 12, raster, extra=chunk(b"zTXt", b"Zanzibar\0\0" + bomb)), ""),
        Kind("png_raster_bomb", png(10, 12, bomb), ""),
        Kind("png_header_huge", png(0x7FFFFFFF, 0x7FFFFFFF, raster), "image_size"),
        Kind("png_header_large_and_empty", png(9999, 9999, raster), "png_truncated"),
        Kind("png_zero", png(0, 0, raster), "image_size"),
        Kind("png_cut_in_header", good[:20], "png_truncated"),
        Kind("png_cut_in_raster", good[:50], "png_truncated"),
        Kind("png_without_end", good[:-12], "png_truncated"),
        Kind("png_checksum_wrong", good[:45] + bytes([good[45] ^ 1]) + good[46:], "png_damaged"),
        Kind("png_without_raster", png(10, 12, b""), "png_truncated"),
        Kind("png_raster_noise", png(10, 12, _NOISE), "png_damaged"),
        Kind("png_filter_unknown", png(10, 12, zlib.compress((b"\x09" + bytes(10)) * 12)), "png_damaged"),
        Kind("png_colour", png(10, 12, raster, colour=2), "png_colour"),
        Kind("png_sixteen_bits", png(10, 12, raster, bits=16), "png_bit_depth"),
        Kind("png_interlace_unknown", png(10, 12, raster, interlace=7), "png_damaged"),
        Kind("png_chunk_of_2_gib", good[:33] + pack(">I4s", 0x7FFFFFFF, b"IDAT") + good[33:], "png_truncated"),
        Kind("png_signature_only", SIGNATURE, "png_truncated"),
    ]


def png(columns: int, rows: int, raster: bytes, extra: bytes = b"", **header: int) -> bytes:
    """A PNG that says what it is told to say (PNG specification, third edition, 11.2.1)."""
    told = {"bits": 8, "colour": 0, "interlace": 0} | header
    head = pack(">IIBBBBB", columns, rows, told["bits"], told["colour"], 0, 0, told["interlace"])
    return SIGNATURE + chunk(b"IHDR", head) + extra + chunk(b"IDAT", raster) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk with its checksum."""
    return pack(">I4s", len(data), kind) + data + pack(">I", zlib.crc32(kind + data))
