"""Make the attribute table anew from its two published sources: for a person, when the standard has moved on.

    python -m radloop.dicom.table_source confidentiality_profile_attributes.json

The Basic Profile's column is that of the newest edition in the package dicom-anonymizer (`pip install radloop[dev]`);
the columns of the options are those of the JSON file that innolitics/dicom-standard makes from PS3.15 Table E.1-1.
An attribute that only the former names has no option's action, so the Basic Profile's holds for it.
"""

from __future__ import annotations

import csv
import importlib
import json
import sys
from io import StringIO
from pathlib import Path

from radloop.dicom.confidentiality import COLUMNS, PRIVATE, TABLE
from radloop.files import write_text

EDITION = "dicomanonymizer.dicom_anonymization_databases.dicomfields_2026c"
_GROUPS = {
    "D": "D_TAGS", "Z": "Z_TAGS", "X": "X_TAGS", "U": "U_TAGS", "Z/D": "Z_D_TAGS", "X/Z": "X_Z_TAGS",
    "X/D": "X_D_TAGS", "X/Z/D": "X_Z_D_TAGS", "X/Z/U*": "X_Z_U_STAR_TAGS",
}  # fmt: skip
_OPTIONS = {
    "retain_safe_private": "rtnSafePrivOpt", "retain_uids": "rtnUIDsOpt", "retain_device_identity": "rtnDevIdOpt",
    "retain_institution_identity": "rtnInstIdOpt", "retain_patient_characteristics": "rtnPatCharsOpt",
    "full_dates": "rtnLongFullDatesOpt", "modified_dates": "rtnLongModifDatesOpt",
    "clean_descriptors": "cleanDescOpt", "clean_structured_content": "cleanStructContOpt",
    "clean_graphics": "cleanGraphOpt",
}  # fmt: skip


def basic_actions() -> dict[str, str]:
    """The Basic Profile's action by tag, eight hexadecimal digits with x where any digit does."""
    edition = importlib.import_module(EDITION)
    return {_written(tag): action for action, group in _GROUPS.items() for tag in getattr(edition, group)}


def main(options: Path) -> None:
    """Write the table that is shipped."""
    from pydicom.datadict import keyword_for_tag

    columns = {_digits(row["tag"]): row for row in json.loads(options.read_text())}
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for tag, basic in sorted({**basic_actions(), PRIVATE: "X"}.items()):
        row = columns.get(tag, {})
        keyword = keyword_for_tag(int(tag, 16)) if "x" not in tag and tag != PRIVATE else ""
        actions = [row.get(name, "") for name in _OPTIONS.values()]
        writer.writerow([tag, keyword or row.get("name", ""), basic, *actions])
    write_text(TABLE, stream.getvalue())


def _written(tag: tuple[int, ...]) -> str:
    """A tag, or a tag with masks for its group and element, in which unmasked digits may be any."""
    group, element, *masks = tag
    group_mask, element_mask = masks or (0xFFFF, 0xFFFF)
    digits, known = f"{group:04x}{element:04x}", f"{group_mask:04x}{element_mask:04x}"
    return "".join(digit if mask == "f" else "x" for digit, mask in zip(digits, known, strict=True))


def _digits(text: str) -> str:
    digits = text.lower().strip("()").replace(",", "")
    return digits if len(digits) == 8 else PRIVATE


if __name__ == "__main__":
    main(Path(sys.argv[1]))
