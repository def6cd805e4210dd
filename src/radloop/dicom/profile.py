"""The declared profile: PS3.15's Basic Profile with chosen options, resolved to one action for each attribute."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from radloop.dicom.confidentiality import PRIVATE, rows
from radloop.dicom.forms import FREE, SIZES, STRINGS, TIMES
from radloop.dicom.knowledge import CHARACTER_SET, EMPTIED, KEPT_TEXT, LUT_LABEL, MOST, PIXELS, TABLES, known
from radloop.sections.intake import Deidentify

#: Whether an object needs an attribute depends on its IOD and its conditions; the last form is valid in every one.
_VALID = {"X/Z": "Z", "X/D": "D", "Z/D": "D", "X/Z/D": "D", "X/Z/U*": "U"}

#: CID 7050. Clean Recognizable Visual Features (113102) is missing, because nothing here removes a face.
_BASIC = ("113100", "Basic Application Confidentiality Profile")
_CODES = {
    "cleaned_pixels": ("113101", "Clean Pixel Data Option"),
    "clean_graphics": ("113103", "Clean Graphics Option"),
    "clean_structured_content": ("113104", "Clean Structured Content Option"),
    "clean_descriptors": ("113105", "Clean Descriptors Option"),
    "full_dates": ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    "modified_dates": ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    "retain_patient_characteristics": ("113108", "Retain Patient Characteristics Option"),
    "retain_device_identity": ("113109", "Retain Device Identity Option"),
    "retain_uids": ("113110", "Retain UIDs Option"),
    "retain_safe_private": ("113111", "Retain Safe Private Option"),
    "retain_institution_identity": ("113112", "Retain Institution Identity Option"),
}
_DATES = {"shifted": "MODIFIED", "kept": "UNMODIFIED", "removed": "REMOVED"}
_SAID = {"shifted": "dates shifted by whole weeks", "kept": "dates kept", "removed": "dates removed"}


@dataclass(frozen=True)
class Action:
    """What becomes of one attribute: `first` is tried, `fallback` is what the Basic Profile does without options."""

    first: str  # X, Z, D, K, C or U
    fallback: str  # X, Z, D or U


class Rule(NamedTuple):
    """The VR that a value must have the form of, how many values there may be, and what becomes of them."""

    vr: str
    most: int
    action: Action


@dataclass(frozen=True)
class Profile:
    """The Basic Profile with the options that `knobs` choose. Source: PS3.15 Annex E, Table E.1-1."""

    knobs: Deidentify = field(default_factory=Deidentify)

    @cached_property
    def options(self) -> frozenset[str]:
        """Names of the chosen options, those of dates spelt as the table's columns."""
        chosen = {name for name, value in self.knobs.model_dump().items() if value is True}
        dates = {"shifted": {"modified_dates"}, "kept": {"full_dates"}, "removed": set[str]()}
        pixels = {"cleaned_pixels"} if self.cleans_pixels else set[str]()
        return frozenset(chosen | pixels | dates[self.knobs.dates])

    def rule(self, tag: int, signed: bool) -> Rule | None:
        """What becomes of a standard attribute in an image of `signed` pixels; None where nobody knows it: it goes."""
        key = (tag, signed)
        if key not in self._rules:
            self._rules[key] = self._rule(tag, signed)
        return self._rules[key]

    def action(self, tag: int) -> Action | None:
        """What becomes of a standard attribute, or None where the table does not name it.

        Where one option keeps and another cleans, it is cleaned: a cleaned value never tells more.
        """
        return self._actions.get(tag)

    @property
    def cleans_pixels(self) -> bool:
        """Whether every picture is searched for text: it leaves without any, or is refused."""
        return self.knobs.clean_pixel_data == "clean"

    @property
    def keeps_safe_private(self) -> bool:
        """Whether private attributes on the safe list stay."""
        return "retain_safe_private" in self.options

    @property
    def codes(self) -> list[tuple[str, str]]:
        """Values and meanings of the DeidentificationMethodCodeSequence (CID 7050), in ascending order."""
        return sorted([_BASIC, *(code for option, code in _CODES.items() if option in self.options)])

    @property
    def method(self) -> list[str]:
        """DeidentificationMethod: what was done in words, and what was not."""
        ages = ["ages above 89 told as 90"] if self.knobs.retain_patient_characteristics else []
        pixels = "pixels searched for text, faces not removed" if self.cleans_pixels else "pixels not cleaned"
        return ["radloop, PS3.15 Annex E, table of 2026c", _SAID[self.knobs.dates], *ages, pixels]

    @property
    def dates(self) -> str:
        """LongitudinalTemporalInformationModified (PS3.3 C.12.1): MODIFIED, UNMODIFIED or REMOVED."""
        return _DATES[self.knobs.dates]

    @cached_property
    def _actions(self) -> dict[int, Action]:
        named = (
            row for row in rows() if row.tag != PRIVATE and "x" not in row.tag
        )  # groups of those are rejected whole
        return {int(row.tag, 16): self._resolve(row.basic, row.options) for row in named}

    @cached_property
    def _rules(self) -> dict[tuple[int, bool], Rule | None]:
        return {}

    def _rule(self, tag: int, signed: bool) -> Rule | None:
        group = tag >> 16
        if group < 8 or not tag & 0xFFFF or group >= PIXELS or group >> 8 in (0x50, 0x60) or tag == CHARACTER_SET:
            return None
        about, action = known(tag, signed), self.action(tag)
        if about is None:
            return Rule("UN", MOST, action) if action else None
        return Rule(about.vr, about.most, action or self._unnamed(tag, about.vr))

    def _unnamed(self, tag: int, vr: str) -> Action:
        """Our stance on what Table E.1-1 does not name: numbers and codes stay, text is cleaned, dates are moved."""
        if vr in TIMES:
            dates = {"shifted": "C", "kept": "K", "removed": "X"}
            return Action(dates[self.knobs.dates], "X")
        if vr == "UI":
            return Action("K" if self.knobs.retain_uids else "U", "X")
        last = "D" if tag == LUT_LABEL else "Z" if tag in EMPTIED else "X"
        if tag in KEPT_TEXT or tag in TABLES or vr == "SQ":
            return Action("K", last)
        if vr in FREE:
            return Action("C" if self.knobs.clean_descriptors else last, last)
        return Action("K" if vr in (STRINGS - {"PN"}) | SIZES.keys() else "X", "X")

    def _resolve(self, basic: str, options: dict[str, str]) -> Action:
        fallback = _VALID.get(basic, basic)
        said = {action for option, action in options.items() if option in self.options}
        first = "C" if "C" in said else "K" if "K" in said else fallback
        return Action(first, fallback)
