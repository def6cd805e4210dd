"""Ages and dates as text, in DICOM's spelling and in ChestX-ray14's."""

from __future__ import annotations

import re
from datetime import date, datetime

from radloop.errors import StudyRejected

OLDEST = 120.0  # years; nobody on record was imaged older, so more is a typing error
OLDEST_TOLD = 89  # years; a higher age is told as 90, which then means 90 or more
LATERALITIES = ("R", "L", "U", "B")
SEXES = ("F", "M", "O")  # PatientSex, PS3.3 C.7.1.1
_AGE = re.compile(r"(\d{1,4})([DWMY]?)")
_DATE = re.compile(r"\d{4}(\.?)\d{2}\1\d{2}")
_PER_YEAR = {"D": 365.25, "W": 52.1775, "M": 12.0, "Y": 1.0, "": 1.0}


def age_string(text: str) -> str | None:
    """An age in DICOM's own spelling (AS, three digits and a unit), bare digits being years; None for another form."""
    match = _AGE.fullmatch(text.upper())
    return f"{int(match[1]):03d}{match[2] or 'Y'}" if match and int(match[1]) <= 999 else None


def age_in_years(text: str) -> float | None:
    """An age as PS3.5 6.2 spells it (045Y, 018M, 003W, 010D) or as bare years, in years; None for empty.

    Raises StudyRejected for another form and for more than 120 years.
    """
    if not text:
        return None
    match = _AGE.fullmatch(text.upper())
    if match is None:
        raise StudyRejected("unreadable_age", "the age is not digits with D, W, M or Y.", "correct it at its source")
    years = int(match[1]) / _PER_YEAR[match[2]]
    if years > OLDEST:
        raise StudyRejected(
            "age_out_of_range", f"an age of {years:.0f} years is above {OLDEST:.0f}.", "correct it at its source"
        )
    return round(years, 3)


def sex_code(text: str) -> str | None:
    """PatientSex: F, M or O, None for empty; the text of another code is not repeated, for it may be a name.

    Raises StudyRejected for another code.
    """
    if not text:
        return None
    if text.upper() not in SEXES:
        shown = repr(text) if len(text) == 1 else f"of {len(text)} characters"
        raise StudyRejected("unknown_sex", f"the sex code {shown} is none of F, M, O.", "correct it at its source")
    return text.upper()


def laterality_code(*told: str) -> str | None:
    """The one side that a series and its image tell: R, L, U (unpaired) or B (both); None where neither tells any.

    "other" where they contradict each other or tell no such code, whose text is not repeated, for it may be a name.
    Source: PS3.3 C.7.3.1 (Laterality), C.8.11.3, C.8.11.7 (ImageLaterality).
    """
    codes = {text.upper() for text in told if text}
    if not codes:
        return None
    code = codes.pop()
    return code if not codes and code in LATERALITIES else "other"


def as_date(text: str) -> date | None:
    """A DICOM DA value (YYYYMMDD), or the older YYYY.MM.DD, as a date; None where it is none."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return datetime.strptime(text.replace(".", ""), "%Y%m%d").date()
    except ValueError:
        return None


def whole_years(born: date, seen: date) -> int:
    """Completed years between two days."""
    return seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))
