"""What an enhanced object tells in its functional groups, laid beside what it tells at the top (PS3.3 C.7.6.16).

Who asks for a body part, a kernel or a spacing must not be told "none" because the object is of a newer kind.
"""

from __future__ import annotations

from radloop.dicom.elements import Element, Elements, even

_SHARED, _OWN = 0x52009229, 0x52009230
_REGION, _ANATOMY, _MEANING, _BODY_PART = 0x00082218, 0x00209071, 0x00080104, 0x00180015
TRANSFORMATION = 0x00289145  # PixelValueTransformationSequence
#: Pixel measures, plane orientation, reconstruction, X-ray details and exposure: what the catalog has columns for.
_GROUPS = (0x00289110, 0x00209116, 0x00189314, 0x00189325, 0x00189321)


def laid_out(elements: Elements) -> Elements:
    """The top of a data set with what its groups say alike of all frames beside it; what the top says comes first."""
    if _SHARED not in elements and _OWN not in elements:
        return elements
    alike: Elements = {}
    for group in _GROUPS:
        told = group_items(elements, group)
        alike |= {tag: one for tag, one in (told[0] if told else {}).items() if all(i.get(tag) == one for i in told)}
    if (regions := regions_of(elements)) and len(set(regions)) == 1:
        alike[_BODY_PART] = Element("CS", even(regions[0].upper()[:16].strip().encode("ascii", "ignore")))
    return {**alike, **elements}


def group_items(elements: Elements, group: int) -> list[Elements]:
    """The items of one functional group, those that all frames share before those of each frame."""
    several = (*items_at(elements, _SHARED), *items_at(elements, _OWN))
    return [item for groups in several for item in items_at(groups, group)]


def regions_of(elements: Elements) -> list[str]:
    """The meanings of all codes that say what part of the body is shown, of the object or of its frames."""
    places = (elements, *group_items(elements, _ANATOMY))
    codes = [item for place in places for item in items_at(place, _REGION)]
    values = [code[_MEANING].value for code in codes if _MEANING in code]
    return [value.decode("latin-1").strip(" \0") for value in values if isinstance(value, bytes)]


def items_at(elements: Elements, tag: int) -> list[Elements]:
    """The items of a sequence; none where it is absent or no sequence."""
    value = elements[tag].value if tag in elements else []
    return value if isinstance(value, list) else []
