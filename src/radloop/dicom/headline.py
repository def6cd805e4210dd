"""What a folder's survey asks of each file, read from its first 8 KiB; whatever is unusual is left to pydicom.

Reading whole headers takes longer than everything else that a survey does.
"""

from __future__ import annotations

from pathlib import Path
from struct import Struct
from struct import error as TooShort
from typing import NamedTuple

import pydicom
from pydicom.dataset import Dataset

from radloop.dicom.elements import LONG
from radloop.dicom.forms import SIZES, STRINGS
from radloop.dicom.parse import EXPLICIT, IMPLICIT, Unusual
from radloop.dicom.read import text, whole

FIRST = 8192  # bytes; the attributes below lie in front of nearly everything that is long
_SYNTAX, _MODALITY, _CLASS = 0x00020010, 0x00080060, 0x00080016
_STUDY, _SERIES, _FRAMES, _ROWS, _COLUMNS = 0x0020000D, 0x0020000E, 0x00280008, 0x00280010, 0x00280011
_WANTED = frozenset((_MODALITY, _CLASS, _STUDY, _SERIES, _FRAMES, _ROWS, _COLUMNS))
_UNDEFINED = 0xFFFFFFFF
_SHORT = {vr.encode() for vr in {*SIZES, *STRINGS} - LONG}
_WIDE = {vr.encode() for vr in LONG}
_EXPLICIT, _LONG, _IMPLICIT = (Struct(form).unpack_from for form in ("<HH2sH", "<I", "<HHI"))


class Headline(NamedTuple):
    """One object's place and kind; text is empty and numbers are 0 where it does not tell them."""

    sop_class: str
    modality: str
    study: str
    series: str
    frames: int
    rows: int
    columns: int


def headline(path: Path) -> Headline | None:
    """What one file is, or None where it is no DICOM that can be read."""
    try:
        with path.open("rb", buffering=0) as stream:
            return scan(stream.read(FIRST))
    except OSError:
        return None
    except Unusual:
        return _plainly(path)


def scan(content: bytes) -> Headline:
    """The headline in the first bytes of a file. Raises Unusual where they do not tell it beyond doubt."""
    if content[128:132] != b"DICM":
        raise Unusual
    try:
        syntax, start = _meta(content)
        implicit = syntax == IMPLICIT
        if not implicit and (not syntax.startswith(b"1.2.840.10008.1.2.") or syntax in _OTHERWISE):
            raise Unusual
        found = _implicit(content, start) if implicit else _explicit(content, start, _COLUMNS, _WANTED)[0]
    except TooShort:
        raise Unusual from None
    sop_class, modality, study, series = (_text(found, tag) for tag in (_CLASS, _MODALITY, _STUDY, _SERIES))
    rows, columns = (_number(found, tag) for tag in (_ROWS, _COLUMNS))
    return Headline(sop_class, modality, study, series, _frames(found), rows, columns)


#: Deflated and big endian (PS3.5 A.5, A.3): every other explicit syntax has a header as plain as this one's.
_OTHERWISE = frozenset((EXPLICIT + b".99", b"1.2.840.10008.1.2.2"))


def _meta(content: bytes) -> tuple[bytes, int]:
    found, start = _explicit(content, 132, 0x0002FFFF, frozenset((_SYNTAX,)))
    return found.get(_SYNTAX, b"").strip(b" \0"), start


def _explicit(content: bytes, at: int, last: int, wanted: frozenset[int]) -> tuple[dict[int, bytes], int]:
    """Wanted values up to the tag `last`, and where the next one begins (PS3.5 7.1.2)."""
    found: dict[int, bytes] = {}
    before, end = -1, len(content)
    while True:
        group, element, vr, length = _EXPLICIT(content, at)
        tag = group << 16 | element
        if tag > last:
            return found, at
        if tag <= before:
            raise Unusual
        before, at = tag, at + 8
        if vr in _WIDE:
            (length,) = _LONG(content, at)
            at += 4
        elif vr not in _SHORT:
            raise Unusual
        at += length
        if at > end:  # also where a sequence's length is undefined
            raise Unusual
        if tag in wanted:
            found[tag] = content[at - length : at]
            if tag == last:
                return found, at


def _implicit(content: bytes, at: int) -> dict[int, bytes]:
    """Wanted values of a data set that tells no VRs (PS3.5 7.1.3)."""
    found: dict[int, bytes] = {}
    before, end = -1, len(content)
    if content[at + 4 : at + 6] in _SHORT:  # its meta information is wrong
        raise Unusual
    while True:
        group, element, length = _IMPLICIT(content, at)
        tag = group << 16 | element
        if tag > _COLUMNS:
            return found
        at += 8 + length
        if tag <= before or at > end:
            raise Unusual
        before = tag
        if tag in _WANTED:
            found[tag] = content[at - length : at]
            if tag == _COLUMNS:
                return found


def _text(found: dict[int, bytes], tag: int) -> str:
    value = found.get(tag, b"")
    if not value.isascii() or b"\\" in value or b"\x1b" in value:
        raise Unusual
    return value.decode("ascii").strip(" \0")


def _frames(found: dict[int, bytes]) -> int:
    told = _text(found, _FRAMES)
    if told and not told.isdigit():
        raise Unusual
    return int(told) if told else 0


def _number(found: dict[int, bytes], tag: int) -> int:
    value = found.get(tag, b"")
    if len(value) not in (0, 2):
        raise Unusual
    return int.from_bytes(value, "little")


def of_dataset(dataset: Dataset) -> Headline:
    """The headline of a header that pydicom has read."""
    keywords = ("SOPClassUID", "Modality", "StudyInstanceUID", "SeriesInstanceUID")
    sop_class, modality, study, series = (text(dataset, keyword) for keyword in keywords)
    frames, rows, columns = (whole(dataset, keyword, 0) for keyword in ("NumberOfFrames", "Rows", "Columns"))
    return Headline(sop_class, modality, study, series, frames, rows, columns)


def _plainly(path: Path) -> Headline | None:
    try:
        found = of_dataset(pydicom.dcmread(path, stop_before_pixels=True))
    except Exception:  # a parser of foreign bytes fails in any way; then it is no object that can be counted
        return None
    return found if found.sop_class else None
