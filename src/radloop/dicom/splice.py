"""The fast path: a new header before the pixel bytes that the file already has."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from mmap import mmap
from struct import pack

import numpy as np

from radloop.content import joined
from radloop.dicom.deidentify import IMPLEMENTATION, VERSION
from radloop.dicom.elements import Element, Elements, encode, encode_one, even, head
from radloop.dicom.frame_reader import NATIVE_COLOURS
from radloop.dicom.header import clean_header, require_whole, tag_of
from radloop.dicom.layout import Layout, layout_of
from radloop.dicom.parse import EXPLICIT, PIXEL_DATA, Part10
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.told import Told

_META = (0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013)
_CLASS, _INSTANCE = tag_of("SOPClassUID"), tag_of("SOPInstanceUID")


def clean_pixels(content: bytes | mmap, file: Part10, told: Told) -> memoryview | None:
    """The pixel bytes of all frames, to be stored as they are.

    None where they are compressed or too few, an overlay hides in high bits, or their colours are those of a codec.
    """
    if file.coded:
        return None
    layout = layout_of(told)
    length = layout.object_bytes
    pixels = memoryview(content)[file.pixels][:length]
    if len(pixels) < length or (layout.is_colour and layout.photometric not in NATIVE_COLOURS):
        return None
    unused = 8 * layout.kind.itemsize - layout.stored
    if unused and not _fits(np.frombuffer(pixels, layout.kind), layout.stored):
        return None
    return pixels


def splice(file: Part10, frames: Iterable[bytes | memoryview], pseudonyms: Pseudonyms) -> tuple[bytes | mmap, Elements]:
    """The de-identified file with all its `frames`, and its header: byte for byte what the plain path gives.

    Raises StudyRejected for a birth after the study and for a malformed value that cannot be left out.
    """
    header = clean_header(file.elements, pseudonyms)
    require_whole(header)
    return stored_file(header, frames, layout_of(Told(header))), header


def stored_file(header: Elements, frames: Iterable[bytes | memoryview], layout: Layout) -> bytes | mmap:
    """A DICOM file by us (PS3.10) of a clean header and its frames, which are taken one at a time."""
    length = layout.object_bytes
    padding = b"\0" * (length % 2)
    data = head(PIXEL_DATA, "OW", length + len(padding))
    front = b"".join((bytes(128), b"DICM", meta_information(header), encode(header), data))
    return joined(chain((front,), frames, (padding,)), len(front) + length + len(padding))


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
