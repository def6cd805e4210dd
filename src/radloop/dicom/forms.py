"""Values that have the form of their VR (PS3.5 6.2), spelt strictly: a name may hide in a number's place."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache

from pydicom.uid import UID_dictionary
from pydicom.valuerep import format_number_as_ds

from radloop.dicom.elements import even
from radloop.dicom.values import OLDEST_TOLD, age_string, as_date

STRINGS = frozenset(
    ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT")
)
SINGLE = frozenset(("LT", "ST", "UR", "UT"))  # a backslash is part of the text
FREE = frozenset(("AE", "LO", "LT", "SH", "ST", "UC", "UR", "UT"))
TIMES = ("DA", "DT", "TM")
SIZES = {"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8}

_LINE = re.compile(r"[^\x00-\x1f\x7f\\^=]{0,64}")  # neither control characters nor a person name's separators
_LINES = re.compile(r"[^\x00-\x09\x0b\x0c\x0e-\x1f\x7f^=]{0,1024}")
_TITLE = re.compile(r"[!-\[\]-~ ]{0,16}")
_CODE = re.compile(r"[A-Z0-9_ ]{0,16}")
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([Ee][+-]?\d+)?")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?")
_MOMENT = re.compile(r"(\d{8})((([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?)?([+-]\d{4})?)")
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_ZONE = re.compile(r"[+-]\d{4}")


def _matching(form: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda text: text if form.fullmatch(text) else None


def _age(text: str) -> str | None:
    """So few people are older than 89 that their age is told as 90 (45 CFR 164.514(b)(2)(i)(C))."""
    age = age_string(text)
    return "090Y" if age and age.endswith("Y") and int(age[:3]) > OLDEST_TOLD else age


def _code(text: str) -> str | None:
    return text.upper() if _CODE.fullmatch(text.upper()) else None


def _decimal(text: str) -> str | None:
    if not _DECIMAL.fullmatch(text) or not math.isfinite(float(text)):
        return None
    return text if len(text) <= 16 else format_number_as_ds(float(text))


def _integer(text: str) -> str | None:
    number = _decimal(text)
    if number is None or float(number) != int(float(number)) or abs(float(number)) >= 2**31:
        return None
    return number if number.lstrip("+-").isdigit() else str(int(float(number)))


def _day(text: str) -> str | None:
    day = as_date(text)
    return f"{day:%Y%m%d}".rjust(8, "0") if day else None


def _moment(text: str) -> str | None:
    match = _MOMENT.fullmatch(text)
    return text if match and as_date(match[1]) else None


def _uid(text: str) -> str | None:
    return text if len(text) <= 64 and _UID.fullmatch(text) else None


_FORMS: dict[str, Callable[[str], str | None]] = {
    "AE": _matching(_TITLE), "AS": _age, "CS": _code, "DA": _day, "DS": _decimal, "DT": _moment,
    "IS": _integer, "LO": _matching(_LINE), "LT": _matching(_LINES), "SH": _matching(_LINE), "ST": _matching(_LINES),
    "TM": _matching(_TIME), "UC": _matching(_LINE), "UI": _uid, "UR": _matching(_LINES), "UT": _matching(_LINES),
}  # fmt: skip


@lru_cache(4096)
def well_formed(vr: str, text: str) -> str | None:
    """One value of a string VR as PS3.5 spells it, or None where it has another form; empty stays empty."""
    if not text:
        return text
    return _FORMS[vr](text) if vr in _FORMS else None


@lru_cache(4096)
def strict(vr: str, value: bytes, most: int) -> tuple[bytes, str] | None:
    """The values of a string as PS3.5 spells them, as bytes and as text; None if one has another form.

    Most values of a header are those of the film before, so they are looked at once.
    """
    text = value.decode("utf-8")
    texts = [well_formed(vr, one.strip(" \0")) for one in ([text] if vr in SINGLE else text.split("\\"))]
    whole = [one for one in texts if one is not None]
    return (to_bytes(vr, whole), " ".join(whole)) if len(whole) == len(texts) <= most else None


def is_number(vr: str, value: bytes) -> bool:
    """Whether bytes are one or more numbers of a binary VR, and finite."""
    if not value or len(value) % SIZES[vr]:
        return False
    if vr not in ("FL", "FD"):
        return True
    kind = "f" if vr == "FL" else "d"
    return all(map(math.isfinite, struct.unpack(f"<{len(value) // SIZES[vr]}{kind}", value)))


def to_bytes(vr: str, texts: list[str]) -> bytes:
    """Values of a string VR as bytes of even length, in UTF-8."""
    return even("\\".join(texts).encode("utf-8", "replace"), b"\0" if vr == "UI" else b" ")


def moved(vr: str, text: str, days: int) -> str | None:
    """A date or moment `days` earlier, a time as it is; None for what cannot be moved, such as a year alone."""
    if vr == "TM":
        return well_formed(vr, text)
    if vr == "SH":  # Timezone Offset From UTC, the only one among the temporal attributes
        return text if _ZONE.fullmatch(text) else None
    match = _MOMENT.fullmatch(text)
    day = as_date(match[1] if match and vr == "DT" else text)
    if day is None or day - date.min < timedelta(days):
        return None
    return f"{day - timedelta(days):%Y%m%d}".rjust(8, "0") + (match[2] if match and vr == "DT" else "")


def is_standard_uid(text: str) -> bool:
    """Whether a UID is one of DICOM's own (a SOP class, a transfer syntax), which names nobody."""
    return text in UID_dictionary


_DUMMIES = {
    "AE": b"REMOVED ", "AS": b"000Y", "CS": b"REMOVED ", "DA": b"19000101", "DS": b"0 ", "DT": b"19000101",
    "IS": b"0 ", "LO": b"REMOVED ", "LT": b"REMOVED ", "PN": b"REMOVED ", "SH": b"REMOVED ", "ST": b"REMOVED ",
    "TM": b"000000", "UC": b"REMOVED ", "UR": b"urn:removed ", "UT": b"REMOVED ",
}  # fmt: skip


def dummy(vr: str) -> bytes:
    """A value that is valid for its VR and tells nothing."""
    return _DUMMIES.get(vr) or bytes(SIZES.get(vr, 2))
