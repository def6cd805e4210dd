"""NIfTI-1 files without what may name a patient: voxels and places stay, every text and extension goes.

Stored is one spelling: little endian, uncompressed (bytes of a compressor depend on its version), a header of numbers
alone, then the voxels. Source: nifti1.h of the NIfTI Data Format Working Group.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from math import inf, isfinite, prod

import numpy as np

from radloop.bounds import HEADER, MIB, bounded, decoding, require_decodable
from radloop.errors import StudyRejected

CONTENT_TYPE = "application/nifti"
BEHIND = 64 * MIB  # that may stand before or behind the voxels in a compressed file
AGREE = 0.05  # of a voxel: how far the two affines of one file may disagree at its corners
_HEADER, _START = 348, 352
_GZIP = b"\x1f\x8b"
_MAGIC = slice(344, 348)
_KINDS = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}
_CODES = {kind: code for code, kind in _KINDS.items()}
_MILLIMETRE = (0, 2)  # untold, or told


@dataclass(frozen=True)
class _Told:
    """What a header tells of the voxels: byte order, sizes, type, and where they begin."""

    order: str
    shape: tuple[int, int, int]
    kind: str
    start: int

    @property
    def size(self) -> int:
        return np.dtype(self.kind).itemsize * prod(self.shape)

    @property
    def end(self) -> int:
        return self.start + self.size


@dataclass(frozen=True, eq=False)
class Nifti:
    """Voxels as they are stored [i, j, k], the affine [4, 4] in RAS millimetres, and what makes values of them."""

    voxels: np.ndarray = field(repr=False)
    affine: np.ndarray
    slope: float = 1.0
    intercept: float = 0.0

    def values(self) -> np.ndarray:
        """What was measured, as float32 [i, j, k]."""
        return (self.voxels * np.float64(self.slope) + self.intercept).astype(np.float32)

    def labels(self) -> np.ndarray:
        """The voxels as whole numbers, int32 [i, j, k]. Raises StudyRejected where one is none: it is no mask."""
        values = self.voxels * np.float64(self.slope) + self.intercept
        if not np.isfinite(values).all() or not np.array_equal(values, np.rint(values)) or values.min(initial=0) < 0:
            raise StudyRejected("not_a_mask", "a mask holds values that are no whole numbers from 0.", "send labels")
        return values.astype(np.int32)


def is_nifti(content: bytes) -> bool:
    """Whether the bytes may be a NIfTI file, compressed or not."""
    return content[:2] == _GZIP or content[_MAGIC] in (b"n+1\0", b"ni1\0") or content[4:8] == b"n+2\0"


def read_nifti(content: bytes) -> Nifti:
    """Voxels and place of one NIfTI-1 file (.nii or .nii.gz).

    Raises StudyRejected for another kind of file, more or fewer than three axes, a unit other than millimetres, and
    an affine that is missing or told twice and differently: nothing of a place is guessed.
    """
    told = _told(content if content[:2] != _GZIP else _inflated(content, _START))
    content = _plain(content, told)
    slope, intercept = struct.unpack_from(f"{told.order}2f", content, 112)
    if not (isfinite(slope) and isfinite(intercept)):
        raise StudyRejected("lookup_table", "the scale of the values is no number.", "export it again")
    if content[123] & 7 not in _MILLIMETRE:
        raise StudyRejected("spatial_unit", "places are told in another unit than millimetres.", "convert the file")
    if len(content) < told.end:
        raise StudyRejected("truncated", "there are fewer voxels than the header says.", "copy the file again")
    voxels = np.frombuffer(content, f"{told.order}{told.kind}", prod(told.shape), told.start)
    voxels = voxels.reshape(told.shape, order="F").astype(f"<{told.kind}", copy=False)
    scale = (float(slope), float(intercept)) if slope else (1.0, 0.0)
    return Nifti(voxels, _affine(content, told.order, told.shape), *scale)


def clean_nifti(content: bytes, largest_mib: float = inf) -> tuple[bytes, Nifti]:
    """The file as it may be stored, and what it holds: nothing of the original header but numbers that are used.

    Raises StudyRejected as `read_nifti` does, and for more MiB of voxels than allowed, before any is decompressed.
    """
    with bounded(HEADER):
        decoded = _told(content if content[:2] != _GZIP else _inflated(content, _START)).size / MIB
    require_decodable(decoded, largest_mib)
    with bounded(decoding(decoded)):
        image = read_nifti(content)
        return nifti_bytes(image), image


def nifti_bytes(image: Nifti) -> bytes:
    """The file of an image: little endian, uncompressed, with a header of numbers alone, so that equal images agree."""
    header = bytearray(_START)
    kind = image.voxels.dtype.str[1:]
    struct.pack_into("<i", header, 0, _HEADER)
    struct.pack_into("<8h", header, 40, 3, *image.voxels.shape, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, _CODES[kind], 8 * image.voxels.dtype.itemsize)
    spacing = np.linalg.norm(image.affine[:3, :3], axis=0)
    struct.pack_into("<8f", header, 76, 1.0, *spacing, 0, 0, 0, 0)
    struct.pack_into("<3f", header, 108, _START, image.slope, image.intercept)
    header[123] = 2
    struct.pack_into("<2h", header, 252, 0, 1)
    struct.pack_into("<12f", header, 280, *image.affine[:3].ravel())
    header[_MAGIC] = b"n+1\0"
    return bytes(header) + image.voxels.tobytes(order="F")


def _told(head: bytes) -> _Told:
    order = _order(head)
    shape, kind = _shape(head, order), _kind(head, order)
    start = struct.unpack_from(f"{order}f", head, 108)[0]
    if not _START <= start <= BEHIND:
        raise StudyRejected("truncated", "the voxels begin where the header does not let them.", "export it again")
    return _Told(order, shape, kind, int(start))


def _inflated(content: bytes, length: int) -> bytes:
    """The first `length` bytes of a compressed file, fewer where it ends."""
    try:
        return zlib.decompressobj(wbits=31).decompress(content, length)
    except zlib.error:
        raise StudyRejected("unreadable_nifti", "the file cannot be decompressed.", "copy it again") from None


def _plain(content: bytes, told: _Told) -> bytes:
    """The file as far as its header says that there are voxels: what a bomb holds beyond is never in memory."""
    if content[:2] != _GZIP:
        return content
    reader, behind = zlib.decompressobj(wbits=31), 0
    try:
        plain = reader.decompress(content, told.end)
        while not reader.eof and behind <= BEHIND:  # the checksum stands at the end
            rest = reader.unconsumed_tail
            part = reader.decompress(rest, MIB)
            if not part and len(rest) == len(reader.unconsumed_tail):
                break
            behind += len(part)
    except zlib.error:
        raise StudyRejected("unreadable_nifti", "the file cannot be decompressed.", "copy it again") from None
    if not reader.eof:
        raise StudyRejected("truncated", "the compressed file ends early, or not where it should.", "copy it again")
    return plain


def _order(content: bytes) -> str:
    """`<` or `>`, told by the size of the header. Raises StudyRejected where the bytes are no single NIfTI-1 file."""
    sizes = {struct.unpack_from(f"{order}i", content)[0]: order for order in "<>"} if len(content) >= _START else {}
    if _HEADER not in sizes or content[_MAGIC] != b"n+1\0":
        raise StudyRejected("not_nifti", "the file is no NIfTI-1 in one piece.", "convert it to .nii or .nii.gz")
    return sizes[_HEADER]


def _shape(content: bytes, order: str) -> tuple[int, int, int]:
    count, *sizes = struct.unpack_from(f"{order}8h", content, 40)
    if not 3 <= count <= 7 or any(size > 1 for size in sizes[3:count]):
        raise StudyRejected("several_volumes", "the file has not three axes.", "split it into volumes")
    if min(sizes[:3]) < 1:
        raise StudyRejected("image_size", "an axis of the file has no voxel.", "export it again")
    return sizes[0], sizes[1], sizes[2]


def _kind(content: bytes, order: str) -> str:
    code = struct.unpack_from(f"{order}h", content, 70)[0]
    if code not in _KINDS:
        raise StudyRejected("voxel_type", f"voxels of type {code} are neither integers nor real.", "convert the file")
    return _KINDS[code]


def _affine(content: bytes, order: str, shape: tuple[int, int, int]) -> np.ndarray:
    by_quaternion, by_rows = struct.unpack_from(f"{order}2h", content, 252)
    told = [_rows(content, order)] if by_rows > 0 else []
    told += [_quaternion(content, order)] if by_quaternion > 0 else []
    if not told or not np.isfinite(told).all() or abs(np.linalg.det(told[0][:3, :3])) < 1e-12:
        raise StudyRejected("no_geometry", "the file does not say where its voxels lie.", "export it with an affine")
    corners = np.array([[i, j, k, 1] for i in (0, shape[0]) for j in (0, shape[1]) for k in (0, shape[2])])
    apart = np.abs(corners @ (told[0] - told[-1]).T).max()
    if apart > AGREE * np.linalg.norm(told[0][:3, :3], axis=0).min():
        raise StudyRejected("two_affines", f"its two affines are {apart:.2f} mm apart.", "leave the right one")
    return told[0]


def _rows(content: bytes, order: str) -> np.ndarray:
    affine = np.eye(4)
    affine[:3] = np.reshape(struct.unpack_from(f"{order}12f", content, 280), (3, 4))
    return affine


def _quaternion(content: bytes, order: str) -> np.ndarray:
    """The affine by rotation and spacing (nifti1.h, method 2)."""
    side, *spacing = struct.unpack_from(f"{order}4f", content, 76)
    b, c, d, *offset = struct.unpack_from(f"{order}6f", content, 256)
    a = max(0.0, 1.0 - (b * b + c * c + d * d)) ** 0.5
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array([*spacing[:2], -spacing[2] if side < 0 else spacing[2]])
    affine[:3, 3] = offset
    return affine
