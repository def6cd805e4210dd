"""The fast path: a new header before the pixel bytes that the file already has."""

from __future__ import annotations

from struct import pack

import numpy as np

from radloop.dicom.deidentify import IMPLEMENTATION, VERSION
from radloop.dicom.elements import Element, Elements, encode, encode_one, even, head
from radloop.dicom.header import clean_header, require_whole, tag_of
from radloop.dicom.parse import EXPLICIT, PIXEL_DATA, Part10
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import stored_type, whole
from radloop.dicom.told import Told

_META = (0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013)
_CLASS, _INSTANCE = tag_of("SOPClassUID"), tag_of("SOPInstanceUID")


def clean_pixels(content: bytes, file: Part10, told: Told) -> memoryview | None:
    """The pixel bytes, to be stored as they are; None where there are too few or an overlay hides in high bits."""
    rows, columns = whole(told, "Rows", 0), whole(told, "Columns", 0)
    allocated, stored = whole(told, "BitsAllocated", 16), whole(told, "BitsStored", 0)
    length = rows * columns * allocated // 8
    pixels = memoryview(content)[file.pixels][:length]
    if len(pixels) < length:
        return None
    unused = allocated - stored
    if unused and not _fits(np.frombuffer(pixels, stored_type(told)), stored):
        return None
    return pixels


def splice(content: bytes, file: Part10, pixels: memoryview, pseudonyms: Pseudonyms) -> tuple[bytes, Elements]:
    """The de-identified file and its header: byte for byte what the plain path gives.

    Raises StudyRejected for a birth after the study and for a malformed value that cannot be left out.
    """
    header = clean_header(file.elements, pseudonyms)
    require_whole(header)
    padding = b"\0" * (len(pixels) % 2)
    data = head(PIXEL_DATA, "OW", len(pixels) + len(padding))
    return b"".join((bytes(128), b"DICM", meta_information(header), encode(header), data, pixels, padding)), header


def meta_information(header: Elements) -> bytes:
    """File meta information (PS3.10 7.1) of a file by us."""
    uids = (header[_CLASS].value, header[_INSTANCE].value, even(EXPLICIT, b"\0"), even(IMPLEMENTATION.encode(), b"\0"))
    values = [Element("UI", value) for value in uids] + [Element("SH", even(VERSION.encode()))]
    body = encode_one(0x00020001, Element("OB", b"\0\1"))
    body += b"".join(encode_one(tag, value) for tag, value in zip(_META, values, strict=True))
    return encode_one(0x00020000, Element("UL", pack("<I", len(body)))) + body


def _fits(pixels: np.ndarray, stored: int) -> bool:
    """Whether all values fit the bits that are stored."""
    if pixels.dtype.kind == "i":
        return bool(pixels.min() >= -(1 << stored - 1) and pixels.max() < 1 << stored - 1)
    packed = pixels.view("<u8") if pixels.nbytes % 8 == 0 else pixels  # several values in one step
    bits = int(np.bitwise_or.reduce(packed))
    width, mask = 8 * pixels.dtype.itemsize, (1 << 8 * pixels.dtype.itemsize) - 1
    return all((bits >> shift & mask) >> stored == 0 for shift in range(0, 8 * packed.dtype.itemsize, width))
