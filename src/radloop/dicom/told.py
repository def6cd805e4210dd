"""A header's attributes by tag, converted when somebody asks, as `radloop.dicom.read` reads a pydicom data set.

pydicom's own conversion takes longer than the rest of the fast path.
"""

from __future__ import annotations

from struct import iter_unpack
from typing import NamedTuple

from radloop.dicom.elements import Element, Elements
from radloop.dicom.forms import SIZES
from radloop.dicom.knowledge import known
from radloop.dicom.scrub import encodings_of, texts_of

_FORMS = {"FD": "<d", "FL": "<f", "SL": "<i", "SS": "<h", "UL": "<I", "US": "<H"}


class Value(NamedTuple):
    """One attribute's values: a list, or nothing where it is empty, a sequence or bulk data."""

    value: list[str] | list[float] | None


class Told:
    """Attributes outside of sequences; what cannot be converted counts as not told."""

    def __init__(self, elements: Elements) -> None:
        self._elements = elements
        self._encodings = encodings_of(elements)

    def __contains__(self, tag: int) -> bool:
        return tag in self._elements

    def items(self, tag: int) -> list[Told]:
        """The items of a sequence; none where there is no such sequence."""
        found = self._elements.get(tag)
        return [Told(item) for item in found.value] if found and isinstance(found.value, list) else []

    def __getitem__(self, tag: int) -> Value:
        vr, value = self._elements[tag]
        about = known(tag, False) if not vr or vr == "UN" else None
        vr = about.vr if about else vr
        if isinstance(value, list) or not value or vr in ("OB", "OW", "UN", ""):
            return Value(None)
        if vr in SIZES:
            return Value([number for (number,) in iter_unpack(_FORMS[vr], value)] if vr in _FORMS else None)
        return Value(texts_of(Element(vr, value), self._encodings))
