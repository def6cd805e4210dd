"""Encode attributes as Explicit VR Little Endian, because a general writer costs half a film's time.

Source: DICOM PS3.5, sections 6.2 and 7.1.2; a part 10 file: PS3.10, section 7.1.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from struct import pack
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword

LONG = frozenset({"OB", "OW", "SQ", "UN", "UT"})
BINARY = {"US": "<H", "SS": "<h", "UL": "<I", "SL": "<i", "FL": "<f", "FD": "<d"}


@lru_cache(maxsize=1024)
def tag_and_vr(keyword: str) -> tuple[int, str]:
    """Tag and value representation of a keyword; raises KeyError where the dictionary has none."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(f"{keyword} is no DICOM keyword")
    vr = dictionary_VR(tag)
    return tag, "OW" if keyword == "PixelData" else vr.split(" ")[0]


def element(tag: int, vr: str, value: Any) -> bytes:
    """One element; several values are joined by a backslash, odd lengths are padded."""
    if vr == "SQ":
        body = b"".join(_item(item) for item in value)
    elif isinstance(value, bytes):
        body = value
    elif vr in BINARY:
        body = b"".join(pack(BINARY[vr], v) for v in _several(value))
    else:
        body = "\\".join(map(str, _several(value))).encode("ascii")
    if len(body) % 2:
        body += b"\0" if vr in ("UI", "OB") else b" "
    head = pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    return head + (pack("<HI", 0, len(body)) if vr in LONG else pack("<H", len(body))) + body


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _item(attributes: Mapping[str, Any]) -> bytes:
    body = data_set(attributes)
    return pack("<HHI", 0xFFFE, 0xE000, len(body)) + body


def data_set(attributes: Mapping[str, Any], private: Mapping[int, tuple[str, Any]] | None = None) -> bytes:
    """All attributes, by keyword, and private elements, by tag, in ascending order of their tags."""
    elements = [(*tag_and_vr(keyword), value) for keyword, value in attributes.items()]
    elements += [(tag, vr, value) for tag, (vr, value) in (private or {}).items()]
    return b"".join(element(*one) for one in sorted(elements, key=lambda one: one[0]))


def part10(meta: Mapping[str, Any], body: bytes) -> bytes:
    """A file: preamble, DICM, group 2 with its length, and the data set."""
    group = element(0x00020001, "OB", b"\0\1") + data_set(meta)
    return b"\0" * 128 + b"DICM" + element(0x00020000, "UL", len(group)) + group + body
