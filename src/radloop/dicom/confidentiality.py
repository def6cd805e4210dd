"""PS3.15 Table E.1-1 as data: what the Basic Profile and each option do with each attribute.

`confidentiality.csv` is made by `radloop.dicom.table_source`: the Basic Profile's column is that of edition 2026c,
the options' columns that of 2024e. Its letters are the standard's: X remove, Z empty, D dummy, K keep, C clean,
U new UID, and combinations that depend on whether the object needs the attribute.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("confidentiality.csv")
SAFE_PRIVATE = Path(__file__).with_name("safe_private.csv")
PRIVATE = "private"  # the row of all attributes of odd groups
OPTIONS = (
    "retain_safe_private", "retain_uids", "retain_device_identity", "retain_institution_identity",
    "retain_patient_characteristics", "full_dates", "modified_dates", "clean_descriptors",
    "clean_structured_content", "clean_graphics",
)  # fmt: skip
COLUMNS = ("tag", "name", "basic", *OPTIONS)


@dataclass(frozen=True)
class Row:
    """One row: tag (eight hexadecimal digits, x for any, or `private`) and actions by profile and option."""

    tag: str
    name: str
    basic: str
    options: dict[str, str]


@cache
def rows() -> tuple[Row, ...]:
    """The whole table."""
    with TABLE.open(newline="", encoding="utf-8") as stream:
        return tuple(
            Row(line["tag"], line["name"], line["basic"], {name: line[name] for name in OPTIONS if line[name]})
            for line in csv.DictReader(stream)
        )


@cache
def safe_private() -> dict[tuple[int, str, int], str]:
    """VRs of the private attributes that PS3.15 Table E.3.10-1 calls safe, by group, creator and last two digits.

    Only numbers and codes are among ours: text and bulk data may hold a name whatever the vendor says.
    """
    with SAFE_PRIVATE.open(newline="", encoding="utf-8") as stream:
        return {
            (int(line["group"], 16), line["creator"], int(line["element"], 16)): line["vr"]
            for line in csv.DictReader(stream)
        }
