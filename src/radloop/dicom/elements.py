"""Attributes as plain bytes: what reading yields, cleaning works on, and writing takes.

pydicom's own objects convert each value when it is looked at; most values of a header only pass through.
"""

from __future__ import annotations

from struct import pack
from typing import NamedTuple, TypeAlias

LONG = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))  # PS3.5 7.1.2


class Element(NamedTuple):
    """One attribute: its VR, and its value in little endian, or the items of a sequence."""

    vr: str
    value: bytes | list[Elements]


Elements: TypeAlias = dict[int, Element]


def encode(elements: Elements) -> bytes:
    """A data set in Explicit VR Little Endian, ascending by tag, sequences and items of defined length."""
    return b"".join(encode_one(tag, elements[tag]) for tag in sorted(elements))


def encode_one(tag: int, element: Element) -> bytes:
    """One attribute in Explicit VR Little Endian (PS3.5 7.1.2)."""
    vr, value = element
    if isinstance(value, list):
        value = b"".join(_item(encode(item)) for item in value)
    return head(tag, vr, len(value)) + value


def head(tag: int, vr: str, length: int) -> bytes:
    """What stands before a value."""
    if vr in LONG:
        return pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)
    return pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length)


def _item(content: bytes) -> bytes:
    return pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def even(value: bytes, padding: bytes = b" ") -> bytes:
    """A value of even length (PS3.5 6.2)."""
    return value + padding if len(value) % 2 else value
