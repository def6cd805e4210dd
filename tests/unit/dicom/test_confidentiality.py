"""Every row of PS3.15 Table E.1-1, under the Basic Profile, the default and each option by itself."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from pydicom.datadict import dictionary_has_tag, dictionary_VR

from radloop.dicom.confidentiality import OPTIONS, PRIVATE, Row, rows, safe_private
from radloop.dicom.elements import Element, Elements
from radloop.dicom.header import clean_header
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.table_source import basic_actions
from radloop.sections.intake import Deidentify

KEY = b"a key that only this test knows...."
#: A value of each kind that has the form of its VR; those of text carry a word that nobody may keep by cleaning.
PLANTED: dict[str, bytes] = {
    "AE": b"ZANZIBAR", "AS": b"045Y", "CS": b"ZANZIBAR", "DA": b"20240301", "DS": b"4711", "DT": b"20240301101530",
    "FD": b"\1" * 8, "FL": b"\1" * 4, "IS": b"4711", "LO": b"ZANZIBAR", "LT": b"ZANZIBAR", "OB": b"ZANZIBAR",
    "OW": b"ZANZIBAR", "PN": b"ZANZIBAR", "SH": b"ZANZIBAR", "ST": b"ZANZIBAR", "TM": b"101530", "UC": b"ZANZIBAR",
    "UI": b"1.2.3.45", "UL": b"\1" * 4, "UN": b"ZANZIBAR", "UR": b"ZANZIBAR", "US": b"\1\1", "UT": b"ZANZIBAR",
}  # fmt: skip
BASIC: dict[str, Any] = {
    "retain_patient_characteristics": False, "retain_device_identity": False, "clean_descriptors": False,
    "dates": "removed",
}  # fmt: skip
#: Knobs by the name of the table's column; each option is tried alone on the Basic Profile.
KNOBS: dict[str, dict[str, Any]] = {
    "basic": BASIC,
    "default": {},
    **{name: BASIC | {name: True} for name in OPTIONS if not name.endswith("dates")},
    "full_dates": BASIC | {"dates": "kept"},
    "modified_dates": BASIC | {"dates": "shifted"},
}
DEFAULT = {"retain_patient_characteristics", "retain_device_identity", "clean_descriptors", "modified_dates"}
#: Form that serves whether or not the object needs the attribute.
VALID = {"X/Z": "Z", "X/D": "D", "Z/D": "D", "X/Z/D": "D", "X/Z/U*": "U"}
STANDARD = [row for row in rows() if row.tag != PRIVATE and "x" not in row.tag]
INSTITUTION, PATIENT_ID, PATIENT_NAME = "00080080", "00100020", "00100010"
#: Attributes of the file's own meta information and of commands are never copied, whatever the table says of them.
NEVER = ("0000", "0002", "0004")
#: Type 2 attributes that are put back empty.
EMPTIED = {"00100030", "00100040", "00080020", "00080030", "00080050", "00080090", "00200010", "00100010"}


@cache
def pseudonyms(option: str) -> Pseudonyms:
    return Pseudonyms(KEY, Profile(Deidentify(**KNOBS[option])))


def vr_of(row: Row) -> str:
    tag = int(row.tag, 16)
    return dictionary_VR(tag).split(" or ")[0] if dictionary_has_tag(tag) else "UN"


def planted(row: Row) -> Element:
    vr = vr_of(row)
    if vr == "SQ":
        return Element("SQ", [{0x00081070: Element("PN", b"ZANZIBAR"), 0x00180050: Element("DS", b"5 ")}])
    return Element(vr, b"-0500 " if row.name == "TimezoneOffsetFromUTC" else PLANTED[vr])


def chosen(row: Row, option: str) -> str:
    """The action that the table's letters ask for, worked out without the code under test."""
    on = DEFAULT if option == "default" else {option}
    letters = {action for column, action in row.options.items() if column in on}
    if letters:
        return "C" if "C" in letters else "K"
    return VALID.get(row.basic, row.basic)


def after(row: Row, option: str) -> Element | None:
    raw: Elements = {0x00100020: Element("LO", b"MRN-4711"), int(row.tag, 16): planted(row)}
    return clean_header(raw, pseudonyms(option)).get(int(row.tag, 16))


@pytest.mark.parametrize("row", STANDARD, ids=lambda row: f"{row.tag} {row.name}")
def test_every_row_gets_its_action_under_every_option(row: Row) -> None:
    for option in KNOBS:
        found, action = after(row, option), chosen(row, option)
        if row.tag.startswith(NEVER):
            assert found is None, option
        elif row.tag in (INSTITUTION, PATIENT_ID, PATIENT_NAME):
            check_pseudonym(row, found, option)
        else:
            check(row, found, action, option)


def check(row: Row, found: Element | None, action: str, option: str) -> None:
    """`found` is what `action` makes of the planted value."""
    base = VALID.get(row.basic, row.basic)
    raw = planted(row)
    if action == "K" and vr_of(row) in ("UN", "OB", "PN", "OW"):
        action = base  # bulk data and names have no form that could be checked
    if action == "C" and vr_of(row) not in ("DA", "DT", "TM", "SQ") and row.name != "TimezoneOffsetFromUTC":
        action = base  # no word of the planted text is radiology's, so cleaning leaves nothing
    if action == "X" and row.tag in EMPTIED:
        action = "Z"
    if action == "X":
        assert found is None, option
        return
    assert found is not None, option
    if action == "Z":
        assert not found.value, option
    elif raw.vr == "SQ":
        assert len(found.value) == 1 and b"ZANZIBAR" not in str(found.value).encode(), option
        assert bool(found.value[0]) == (action != "D"), option
    elif action == "D":
        assert found.value and found.value != raw.value and len(found.value) % 2 == 0, option
    elif action == "U":
        assert found.value.startswith(b"2.25."), option
    elif action == "C":
        check_moved(found, raw, option)
    else:
        assert found.value.strip(b" \0") == raw.value.strip(b" \0"), option


def check_moved(found: Element, raw: Element, option: str) -> None:
    if raw.vr in ("TM", "SH"):
        assert found == raw, option
    else:
        assert found.value != raw.value and len(found.value) == len(raw.value), option
        assert found.value[8:] == raw.value[8:], option


def check_pseudonym(row: Row, found: Element | None, option: str) -> None:
    assert found is not None, option
    if option == "retain_institution_identity" and row.tag == INSTITUTION:
        assert found.value == b"ZANZIBAR"
    else:
        assert found.value.startswith(b"site-" if row.tag == INSTITUTION else b"p-"), option


@pytest.mark.parametrize("tag", [0x50003000, 0x50023000, 0x60003000, 0x601E3000, 0x60004000, 0x00190010, 0x00191001])
@pytest.mark.parametrize("option", KNOBS)
def test_curves_overlays_and_private_data_go_under_every_option(tag: int, option: str) -> None:
    raw: Elements = {0x00100020: Element("LO", b"MRN-4711"), tag: Element("OW", b"ZANZIBAR")}
    assert tag not in clean_header(raw, pseudonyms(option))


def test_the_table_is_that_of_the_edition_in_dicom_anonymizer() -> None:
    assert {row.tag: row.basic for row in rows() if row.tag != PRIVATE} == basic_actions()
    assert len(rows()) == 656


def test_the_table_names_each_attribute_once_and_knows_its_letters() -> None:
    assert len({row.tag for row in rows()}) == len(rows())
    assert {row.basic for row in rows()} == {"D", "K", "U", "X", "Z", *VALID} - {"K"}
    assert {action for row in rows() for action in row.options.values()} == {"C", "K"}
    assert {option for row in rows() for option in row.options} == set(OPTIONS)


def test_only_numbers_and_codes_of_private_data_are_safe() -> None:
    assert set(safe_private().values()) == {"CS", "DS", "FD", "FL", "IS", "SL", "SS", "UL", "US"}
    assert safe_private()[0x7053, "Philips PET Private Group", 0x00] == "DS"
