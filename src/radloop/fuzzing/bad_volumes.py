"""Named kinds of bad NIfTI file: headers that lie, and files that are larger inside than outside."""

from __future__ import annotations

import gzip
from struct import pack_into

from radloop.fuzzing.films import Kind

_LARGE = 200 << 20  # bytes that a bomb inflates to
_PLANTED = b"Zanzibar^Quentin MRN-4711"


def volume(
    shape: tuple[int, ...] = (4, 5, 3), kind: int = 2, start: float = 352.0, slope: float = 0.0, magic: bytes = b"n+1\0"
) -> bytes:
    """A volume of small numbers with a name in its header; what it says of itself is what it is told to say."""
    head = bytearray(352)
    pack_into("<i", head, 0, 348)
    head[4 : 4 + 18] = _PLANTED[:18]
    pack_into("<8h", head, 40, len(shape), *(list(shape) + [1] * (7 - len(shape))))
    pack_into("<2h", head, 70, kind, 8)
    pack_into("<4f", head, 76, 1, 2, 1.5, 3)
    pack_into("<3f", head, 108, start, slope, 0)
    head[148 : 148 + len(_PLANTED)] = _PLANTED
    pack_into("<2h", head, 252, 0, 1)
    pack_into("<12f", head, 280, -2, 0, 0, 90, 0, 1.5, 0, -126, 0, 0, 3, -72)
    head[344:348] = magic
    return bytes(head) + bytes(at % 3 for at in range(60))


def bad_volumes() -> list[Kind]:
    """NIfTI files that must be refused, and good ones."""
    good = volume()
    squeezed = gzip.compress(good)
    flipped = squeezed[:-6] + bytes([squeezed[-6] ^ 1]) + squeezed[-5:]
    return [
        Kind("nifti_good", good, ""),
        Kind("nifti_compressed", squeezed, ""),
        Kind("nifti_bytes_behind", gzip.compress(good + bytes(1000)), ""),
        Kind("nifti_bomb_behind", gzip.compress(good + bytes(_LARGE)), "truncated"),
        Kind("nifti_bomb_told", gzip.compress(volume((32767, 32767, 32767)) + bytes(_LARGE)), "decoded_too_large"),
        Kind("nifti_huge_told", volume((32767, 32767, 9)), "decoded_too_large"),
        Kind("nifti_large_and_empty", gzip.compress(volume((600, 600, 600))), "truncated"),
        Kind("nifti_axis_zero", volume((4, 0, 3)), "image_size"),
        Kind("nifti_axis_negative", volume((4, -5, 3)), "image_size"),
        Kind("nifti_two_axes", volume((4, 5)), "several_volumes"),
        Kind("nifti_four_axes", volume((4, 5, 3, 2)), "several_volumes"),
        Kind("nifti_colour", volume(kind=128), "voxel_type"),
        Kind("nifti_complex", volume(kind=32), "voxel_type"),
        Kind("nifti_start_in_header", volume(start=100), "truncated"),
        Kind("nifti_start_nowhere", gzip.compress(volume(start=3e38)), "truncated"),
        Kind("nifti_start_nan", volume(start=float("nan")), "truncated"),
        Kind("nifti_scale_nan", volume(slope=float("nan")), "lookup_table"),
        Kind("nifti_pair", volume(magic=b"ni1\0"), "not_nifti"),
        Kind("nifti_cut", good[:-9], "truncated"),
        Kind("nifti_cut_in_header", good[:200], "not_nifti"),
        Kind("nifti_compressed_cut", squeezed[:-12], "truncated"),
        Kind("nifti_checksum_wrong", flipped, "unreadable_nifti"),
        Kind("nifti_gzip_of_nothing", gzip.compress(b""), "not_nifti"),
        Kind("nifti_gzip_garbage", b"\x1f\x8b\x08\0" + b"\xff" * 400, "unreadable_nifti"),
        Kind("nifti_empty", b"", "not_nifti"),
    ]
