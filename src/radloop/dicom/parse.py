"""A lean parser of plain DICOM files; whatever is unusual is left to pydicom, so it may refuse but never guess."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from mmap import mmap
from struct import Struct
from struct import error as TooShort
from typing import NamedTuple

from pydicom.datadict import dictionary_has_tag, dictionary_VR

from radloop.dicom.elements import LONG, Element, Elements
from radloop.dicom.forms import SIZES, STRINGS

IMPLICIT, EXPLICIT = b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1"
#: RLE, JPEG, JPEG-LS, JPEG 2000 and HTJ2K: their headers are those of explicit little endian (PS3.5 A.4).
_FRAGMENTED = frozenset(
    f"1.2.840.10008.1.2.{one}".encode()
    for one in ("5", *(f"4.{number}" for number in (50, 51, 57, 70, 80, 81, 90, 91, 201, 202, 203)))
)
PIXEL_DATA = 0x7FE00010
_SYNTAX = 0x00020010
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_VRS = {vr.encode(): vr for vr in {*LONG, *SIZES, *STRINGS}}
_DEEPEST = 32
_PAIR, _WIDE, _CODED = (Struct(form).unpack_from for form in ("<HH", "<I", "<2sH"))
Stop = Callable[[int], bool]


class Unusual(Exception):
    """This file is not for the lean parser."""


class Part10(NamedTuple):
    """The attributes before the pixels, and where those lie in the file; of compressed ones, with their delimiter."""

    elements: Elements
    explicit: bool
    pixels: slice
    syntax: str

    @property
    def coded(self) -> bool:
        """Whether the pixels are a compressed stream."""
        return self.syntax.encode() not in (IMPLICIT, EXPLICIT)


def parse(content: bytes | mmap) -> Part10:
    """Read a file of little-endian pixels, uncompressed or in fragments (PS3.10 7.1, PS3.5 A.1, A.2 and A.4).

    Raises Unusual for everything else, malformed files among it.
    """
    if content[128:132] != b"DICM":
        raise Unusual
    try:
        reader, start = _Reader(content, True), 132
        meta, start = reader.data_set(start, len(content), lambda tag: tag >> 16 != 2)
        syntax = meta[_SYNTAX].value if _SYNTAX in meta else b""
        syntax = syntax.strip(b" \0") if isinstance(syntax, bytes) else b""
        coded = syntax in _FRAGMENTED
        if not coded and syntax not in (IMPLICIT, EXPLICIT):
            raise Unusual
        reader = _Reader(content, syntax != IMPLICIT)
        if not reader.explicit and content[start + 4 : start + 6] in _VRS:  # its meta information is wrong
            raise Unusual
        elements, start = reader.data_set(start, len(content), lambda tag: tag == PIXEL_DATA)
        vr, length, start = reader.head(start)
    except (TooShort, RecursionError):
        raise Unusual from None
    told = syntax.decode("ascii")
    if coded:
        if vr not in ("OB", "OW") or length != _UNDEFINED:
            raise Unusual
        end = fragments_end(content, start)
        if end is None or _goes_on(content, end):
            raise Unusual
        return Part10(elements, True, slice(start, end), told)
    if vr not in ("OB", "OW", "") or length == _UNDEFINED or start + length > len(content):
        raise Unusual
    if _goes_on(content, start + length):
        raise Unusual
    return Part10(elements, reader.explicit, slice(start, start + length), told)


def _goes_on(content: bytes | mmap, end: int) -> bool:
    """Whether attributes follow that belong before the pixels, as where two files were written into one."""
    if len(content) < end + 8:
        return False
    group, element = _PAIR(content, end)
    return int(group << 16 | element) <= PIXEL_DATA


def fragments_end(content: bytes | mmap | memoryview, at: int) -> int | None:
    """Where the fragments of a compressed stream end, behind their delimiter; None where the file ends before."""
    while at + 8 <= len(content):
        (group, element), size = _PAIR(content, at), _WIDE(content, at + 4)[0]
        tag, at = group << 16 | element, at + 8
        if tag == _SEQUENCE_END:
            return at
        if tag != _ITEM or size == _UNDEFINED:
            return None
        at += size
    return None


class _Reader:
    """One walk over the bytes of a file."""

    def __init__(self, content: bytes | mmap, explicit: bool) -> None:
        self.content, self.explicit = content, explicit

    def tag(self, at: int) -> int:
        """The tag at a place."""
        group, element = _PAIR(self.content, at)
        return int(group << 16 | element)

    def head(self, at: int) -> tuple[str, int, int]:
        """VR, length and start of the value of the element at a place."""
        if not self.explicit:
            return "", _WIDE(self.content, at + 4)[0], at + 8
        code, length = _CODED(self.content, at + 4)
        vr = _VRS.get(code)
        if vr is None:
            raise Unusual
        if vr in LONG:
            return vr, _WIDE(self.content, at + 8)[0], at + 12
        return vr, length, at + 8

    def data_set(self, at: int, end: int, stop: Stop | None, depth: int = 0) -> tuple[Elements, int]:
        """The attributes from `at` to `end`, or to the first tag at which to `stop`."""
        found: Elements = {}
        before = -1
        while at < end:
            tag = self.tag(at)
            if stop and stop(tag):
                return found, at
            vr, length, start = self.head(at)
            if tag <= before:
                raise Unusual
            before = tag
            if length == _UNDEFINED or vr == "SQ" or (not vr and _is_sequence(tag)):
                items, at = self._items(start, end, length, vr, depth)
                found[tag] = Element("SQ", items)
                continue
            at = start + length
            if at > end:
                raise Unusual
            found[tag] = Element(vr, self.content[start:at])
        if stop:
            raise Unusual
        return found, at

    def _items(self, at: int, end: int, length: int, vr: str, depth: int) -> tuple[list[Elements], int]:
        if depth > _DEEPEST or vr not in ("SQ", ""):
            raise Unusual
        bounded = length != _UNDEFINED
        if bounded:
            if at + length > end:
                raise Unusual
            end = at + length
        items: list[Elements] = []
        while at < end:
            tag, size, at = self.tag(at), _WIDE(self.content, at + 4)[0], at + 8
            if tag == _SEQUENCE_END and not bounded:
                return items, at
            if tag != _ITEM:
                raise Unusual
            if size != _UNDEFINED:
                if at + size > end:
                    raise Unusual
                item, at = self.data_set(at, at + size, None, depth + 1)
            else:
                item, at = self.data_set(at, end, lambda tag: tag == _ITEM_END, depth + 1)
                at += 8
            items.append(item)
        if not bounded:
            raise Unusual
        return items, at


@cache
def _is_sequence(tag: int) -> bool:
    return not tag >> 16 & 1 and dictionary_has_tag(tag) and dictionary_VR(tag) == "SQ"
