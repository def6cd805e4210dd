"""The walk: every attribute at every depth gets the profile's action, and what has no place in it goes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import tag_for_keyword

from radloop.dicom.confidentiality import safe_private
from radloop.dicom.elements import Element, Elements, even
from radloop.dicom.forms import FREE, SINGLE, SIZES, TIMES, dummy, is_number, is_standard_uid, moved, strict, to_bytes
from radloop.dicom.knowledge import (
    BY_PLACE,
    CHARACTER_SET,
    IN_STACK,
    INSTITUTION,
    PATIENT_ID,
    STACK,
    TABLES,
    TIMEZONE,
    fits,
)
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.versions import VERSIONS, release
from radloop.dicom.vocabulary import cleaned, cleaned_region, tells

DEEPEST = 8  # sequences within sequences; deeper ones are made to exhaust a reader
_SHORT, _MOST_DONE = 128, 4096  # bytes of a value and values of a case that are worth remembering
_SCHEME, _CODE_VALUE, _MEANING = 0x00080102, 0x00080100, 0x00080104
_REGION_NAMES = (0x30060026, 0x00620005)  # ROIName, SegmentLabel
#: Coding schemes that are published (PS3.16 Chapter 8): a hospital's own codes may be anybody's number.
_PUBLISHED = frozenset(
    ("ACR", "DCM", "FMA", "I10", "I9C", "LN", "MA", "MDC", "NCIt", "RADLEX", "SCT", "SNM3", "SRT", "UCUM", "UMLS")
)


@dataclass(frozen=True)
class Case:
    """What the walk must know of the object as a whole."""

    pseudonyms: Pseudonyms
    days_back: int
    words: frozenset[str]  # that name the patient, or somebody of the staff
    names: frozenset[str]  # those of them that are no words of radiology: a patient may be called Head
    signed: bool
    encodings: tuple[str, ...]  # of its text, as Python names them
    done: dict[tuple[int, Element], Element | None] = field(default_factory=dict, compare=False, repr=False)


def scrub(elements: Elements, case: Case, depth: int = 0) -> Elements:
    """What of a data set, or of an item, may stay. Source: PS3.15 E.1.1 and E.3."""
    if CHARACTER_SET in elements and depth:
        case = replace(case, encodings=encodings_of(elements), done={})
    clean: Elements = {}
    for tag, element in elements.items():
        kept = _remembered(tag, element, case, depth) if not tag >> 16 & 1 else None
        if kept is not None:
            clean[tag] = kept
    if case.pseudonyms.profile.keeps_safe_private:
        clean |= _safe_private(elements, case)
    if IN_STACK in clean and STACK not in clean:
        del clean[IN_STACK]
    for data, descriptor in TABLES.items():
        if data in clean:
            _trim_table(clean, data, descriptor)
    return clean


def texts_of(element: Element, encodings: tuple[str, ...]) -> list[str]:
    """The values of a string VR, stripped, read in the character sets of the file."""
    value = element.value
    if isinstance(value, list):
        return []
    if value.isascii() and b"\x1b" not in value:
        text = value.decode("ascii")
    else:
        # pydicom writes a sign that no character set has as "?", and both paths must name one patient alike
        text = decode_bytes(value, list(encodings), {"\\", "\r", "\n", "\t", "\f"}).replace("\ufffd", "?")
    values = [text] if element.vr in SINGLE else text.split("\\")
    stripped = [value.strip(" \0") for value in values]
    return [value.strip() for value in stripped] if element.vr == "UI" else stripped  # as pydicom takes a UID


def encodings_of(elements: Elements) -> tuple[str, ...]:
    """Python's names of the character sets that a data set declares; an unknown one counts as Latin-1."""
    element = elements.get(CHARACTER_SET)
    names = texts_of(Element("CS", element.value), ("iso8859",)) if element else []
    try:
        return tuple(convert_encodings(names or ["ISO_IR 6"]))
    except (LookupError, ValueError):
        return ("iso8859",)


def _remembered(tag: int, element: Element, case: Case, depth: int) -> Element | None:
    """What `_standard` gives, which most attributes of a series have in common with the slice before."""
    if isinstance(element.value, list) or len(element.value) > _SHORT:
        return _standard(tag, element, case, depth)
    key, done = (tag, element), case.done
    if key in done:
        return done[key]
    kept = _standard(tag, element, case, depth)
    if kept is None or isinstance(kept.value, bytes):
        if len(done) >= _MOST_DONE:
            done.clear()
        done[key] = kept
    return kept


def _standard(tag: int, element: Element, case: Case, depth: int) -> Element | None:
    """One attribute of an even group."""
    rule = case.pseudonyms.profile.rule(tag, case.signed)
    if rule is None:
        return None
    vr, most, action = rule
    if tag == PATIENT_ID or (tag == INSTITUTION and action.first == "D"):
        return _pseudonym(tag, element, case)
    if fits(element.vr, vr):
        done = _first(tag, Element(vr, element.value), action.first, case, depth, most)
        if done is not None or action.first == "X":
            return done
    return _first(tag, Element(vr, b""), action.fallback, case, depth, most)


def _pseudonym(tag: int, element: Element, case: Case) -> Element:
    """A patient or a site that can still be told from others; PS3.15 allows a dummy value in both places."""
    told = texts_of(element._replace(vr="LO"), case.encodings)[:1]
    if not told or not told[0]:
        return Element("LO", b"")
    name = case.pseudonyms.patient if tag == PATIENT_ID else case.pseudonyms.site
    return Element("LO", to_bytes("LO", [name(told[0])]))


def _first(tag: int, element: Element, letter: str, case: Case, depth: int, most: int) -> Element | None:
    """The element after one action, or None where that action leaves nothing."""
    vr = element.vr
    if letter == "X":
        return None
    if letter == "Z":
        return Element(element.vr, [] if vr == "SQ" else b"")
    if letter == "D":
        return Element(element.vr, [{}] if vr == "SQ" else dummy(vr))
    if vr == "SQ":
        return _sequence(element, case, depth, tag in BY_PLACE)
    if not element.value:
        return element if letter in "KC" else None
    if letter == "U":
        return _renamed(element, case)
    if letter == "C":
        return _cleaned(tag, element, case)
    return _kept(tag, element, case, most)


def _sequence(element: Element, case: Case, depth: int, by_place: bool) -> Element | None:
    if isinstance(element.value, bytes):
        return None if element.value else Element(element.vr, [])
    if depth >= DEEPEST:
        return None
    items = [item for item in (_item(item, case, depth + 1) for item in element.value) if item or by_place]
    return Element(element.vr, items) if items or not element.value else None


def _item(item: Elements, case: Case, depth: int) -> Elements:
    """One item; a code of a scheme that nobody has published goes, and a meaning says no more than its code."""
    if _SCHEME in item or _CODE_VALUE in item:
        scheme = texts_of(item.get(_SCHEME, Element("SH", b"")), case.encodings)
        if not scheme or scheme[0] not in _PUBLISHED:
            return {}
    clean = scrub(item, case, depth)
    if _MEANING in item and _CODE_VALUE in clean:
        clean.setdefault(_MEANING, Element("LO", clean[_CODE_VALUE].value))
    return clean


def _kept(tag: int, element: Element, case: Case, most: int) -> Element | None:
    vr, value = element
    assert isinstance(value, bytes)
    if tag in TABLES:
        return Element(vr, even(value, b"\0"))
    if vr in SIZES:
        return element if is_number(vr, value) and len(value) <= most * SIZES[vr] else None
    if not value.isascii() or b"\x1b" in value:
        value = "\\".join(texts_of(element, case.encodings)).encode("utf-8", "replace")
    found = strict(vr, value, most)
    if found is None or (vr in FREE and tells(found[1], case.words)) or (vr == "CS" and tells(found[1], case.names)):
        return None
    return _released(vr, found[0]) if tag in VERSIONS else Element(vr, found[0])


def _released(vr: str, value: bytes) -> Element | None:
    """A version without the people who may have signed it; None where nothing else was said."""
    texts = [release(text.strip(" ")) for text in value.decode("utf-8").split("\\")]
    return Element(vr, to_bytes(vr, texts)) if any(texts) else None


def _cleaned(tag: int, element: Element, case: Case) -> Element | None:
    """A date moved, or a text cut down to the words of radiology."""
    texts = texts_of(element, case.encodings)
    if element.vr in TIMES or tag == TIMEZONE:
        days = [moved(element.vr, text, case.days_back) for text in texts]
        whole = [day for day in days if day]
        return Element(element.vr, to_bytes(element.vr, whole)) if whole and len(whole) == len(texts) else None
    if element.vr not in FREE:
        return None
    if tag == STACK:  # stacks are counted; longer numbers may be anybody's
        return element if len(texts) == 1 and texts[0].isdigit() and len(texts[0]) <= 2 else None
    size = 16 if element.vr in ("AE", "SH") else 64
    clean = cleaned_region if tag in _REGION_NAMES else cleaned
    words = [clean(text, case.words)[:size].strip() for text in texts]
    return Element(element.vr, to_bytes(element.vr, words)) if any(words) else None


def _renamed(element: Element, case: Case) -> Element | None:
    """UIDs under their pseudonyms; DICOM's own stay."""
    if element.vr != "UI":
        return None
    uids = [text for text in texts_of(element, case.encodings) if text]
    names = [uid if is_standard_uid(uid) else case.pseudonyms.uid(uid) for uid in uids]
    return Element(element.vr, to_bytes("UI", names))


def _safe_private(elements: Elements, case: Case) -> Elements:
    """The private attributes of PS3.15 Table E.3.10-1 with their creators, as far as they are numbers and codes."""
    kept: Elements = {}
    for tag, element in elements.items():
        group, block = tag >> 16, tag >> 8 & 0xFF
        holder = tag & 0xFFFF0000 | block
        if not group & 1 or block < 0x10 or holder not in elements:
            continue
        creator = texts_of(elements[holder]._replace(vr="LO"), case.encodings)[:1]
        vr = safe_private().get((group, creator[0] if creator else "", tag & 0xFF))
        if vr and isinstance(element.value, bytes) and fits(element.vr, vr):
            safe = _kept(tag, Element(vr, element.value), case, 64)
            if safe is not None:
                kept |= {holder: Element("LO", to_bytes("LO", creator)), tag: safe}
    return kept


def _trim_table(item: Elements, table: int, described: int) -> None:
    """Cut what stands behind the entries of a look-up table; a table without its descriptor goes."""
    descriptor, data = item.get(described), item[table].value
    if descriptor is None or len(descriptor.value) != 6 or not isinstance(descriptor.value, bytes):
        item.pop(described, None)
        del item[table]
        return
    count = int.from_bytes(descriptor.value[:2], "little") or 65536
    item[table] = Element("OW", data[: 2 * count])


#: Attributes whose words name somebody wherever they stand.
NAMING = tuple(
    tag_for_keyword(keyword)
    for keyword in (
        "PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName", "PatientID",
        "OtherPatientIDs", "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName",
        "NameOfPhysiciansReadingStudy", "RequestingPhysician", "PhysiciansOfRecord", "AccessionNumber",
        "ResponsiblePerson", "PatientTelephoneNumbers", "PatientAddress", "MedicalRecordLocator",
    )
)  # fmt: skip
