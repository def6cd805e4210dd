"""What must become of an attribute: read from PS3.15's own table, not from the code that is under test."""

from __future__ import annotations

from functools import cache

from pydicom.datadict import dictionary_has_tag, dictionary_VR

from radloop.dicom.confidentiality import PRIVATE, rows
from radloop.sections.intake import Deidentify

_DATES = {"shifted": "modified_dates", "kept": "full_dates", "removed": ""}


def table() -> dict[int, str]:
    """VRs by tag of the attributes that Table E.1-1 names one by one; LO for those that PS3.6 here does not know."""
    tags = [int(row.tag, 16) for row in rows() if row.tag != PRIVATE and "x" not in row.tag]
    return {tag: dictionary_VR(tag) if dictionary_has_tag(tag) else "LO" for tag in tags}


def duty(tag: int, knobs: Deidentify) -> str:
    """keep, clean, uid or remove, under the declared profile; `unnamed` where the table has no such attribute."""
    row = _rows().get(tag)
    if row is None:
        return "unnamed"
    basic, options = row
    chosen = {name for name, value in knobs.model_dump().items() if value is True} | {_DATES[knobs.dates]}
    said = {letter for name, letter in options.items() if name in chosen}
    if "C" in said:
        return "clean"
    if "K" in said:
        return "keep"
    return "uid" if "U" in basic else "remove"


@cache
def _rows() -> dict[int, tuple[str, dict[str, str]]]:
    return {int(row.tag, 16): (row.basic, row.options) for row in rows() if row.tag != PRIVATE and "x" not in row.tag}
