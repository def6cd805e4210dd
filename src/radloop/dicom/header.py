"""From a header with an identity to one without: the same for the plain path and for the fast one."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from math import isfinite

from pydicom.datadict import tag_for_keyword

from radloop.dicom.elements import Element, Elements
from radloop.dicom.forms import to_bytes, well_formed
from radloop.dicom.groups import TRANSFORMATION, group_items
from radloop.dicom.knowledge import COLOUR_TABLES
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import is_coloured, whole
from radloop.dicom.scrub import NAMING, Case, encodings_of, scrub, texts_of
from radloop.dicom.told import Told
from radloop.dicom.values import as_date, whole_years
from radloop.dicom.vocabulary import WORDS, words_of
from radloop.errors import StudyRejected

#: Type 2 attributes of the common modules: they must be there and may be empty (PS3.3).
_EMPTIED = {
    "PatientBirthDate": "DA", "PatientSex": "CS", "StudyDate": "DA", "StudyTime": "TM", "AccessionNumber": "SH",
    "ReferringPhysicianName": "PN", "StudyID": "SH",
}  # fmt: skip


def tag_of(keyword: str) -> int:
    """The tag of a standard attribute."""
    tag: int | None = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag


_ESSENTIAL = (
    "SOPInstanceUID", "StudyInstanceUID", "PatientID", "Modality", "Rows", "Columns", "BitsAllocated", "BitsStored",
)  # fmt: skip
_TAGS = {keyword: tag_of(keyword) for keyword in (
    *_EMPTIED, *_ESSENTIAL, "PatientName", "PatientAge", "PixelRepresentation", "SamplesPerPixel",
    "PhotometricInterpretation", "SOPClassUID", "SpecificCharacterSet", "PatientIdentityRemoved",
    "DeidentificationMethod", "DeidentificationMethodCodeSequence", "LongitudinalTemporalInformationModified",
    "AcquisitionDate", "RescaleSlope", "RescaleIntercept", "BurnedInAnnotation",
    "CodeValue", "CodingSchemeDesignator", "CodeMeaning",
)}  # fmt: skip


def clean_header(raw: Elements, pseudonyms: Pseudonyms) -> Elements:
    """The attributes that may stand before the pixels, with a declaration of what was done.

    Consistent: equal identifiers become equal pseudonyms under one key, in any order and on any machine.
    Raises StudyRejected for a birth after the study and a rescale that is no number. Source: PS3.15 Annex E.
    """
    _require_rescale(raw)
    case = _case_of(raw, pseudonyms)
    clean = scrub(raw, case)
    _put_age(clean, raw, case)
    _put_identity(clean, raw)
    _put_layout(clean, raw)
    _declare(clean, raw, pseudonyms.profile)
    return clean


def clean_object(raw: Elements, pseudonyms: Pseudonyms) -> Elements:
    """As `clean_header`, of an object that is no picture: nothing is said of pixels, for none were searched."""
    case = _case_of(raw, pseudonyms)
    clean = scrub(raw, case)
    _put_age(clean, raw, case)
    _put_identity(clean, raw)
    knobs = pseudonyms.profile.knobs.model_copy(update={"clean_pixel_data": "keep"})
    _declare(clean, raw, Profile(knobs))
    require_whole(clean, _ESSENTIAL[:4])
    return clean


def require_whole(clean: Elements, essential: tuple[str, ...] = _ESSENTIAL) -> None:
    """Raises StudyRejected where a value without which nothing can be stored had not the form of its kind."""
    for keyword in essential:
        if not clean.get(_TAGS[keyword], Element("", b"")).value:
            raise StudyRejected(
                "malformed_header", f"{keyword} has not the form that PS3.5 6.2 asks for.", "correct it at its source"
            )


def _require_rescale(raw: Elements) -> None:
    """A malformed value counts as not told; of these two that would make another unit of the pixels (C.11.1)."""
    for place in (raw, *group_items(raw, TRANSFORMATION)):
        for keyword in ("RescaleSlope", "RescaleIntercept"):
            element = place.get(_TAGS[keyword], Element("DS", b""))
            if not element.value or (isinstance(element.value, bytes) and not element.value.strip(b" \0")):
                continue
            if not _is_finite(element):
                raise StudyRejected("malformed_rescale", f"{keyword} is no finite number.", "correct it at its source")


def _is_finite(element: Element) -> bool:
    if isinstance(element.value, list):
        return False
    try:
        return isfinite(float(element.value.strip(b" \0")))
    except ValueError:
        return False


def text_at(elements: Elements, keyword: str) -> str:
    """The first value of an attribute as stripped text, empty where there is none."""
    element = elements.get(_TAGS[keyword])
    return texts_of(element, ("iso8859",))[0] if element and element.value else ""


def study_day(elements: Elements) -> date | None:
    """The day of an acquisition, else of its study."""
    return as_date(text_at(elements, "AcquisitionDate")) or as_date(text_at(elements, "StudyDate"))


def _case_of(raw: Elements, pseudonyms: Pseudonyms) -> Case:
    encodings = encodings_of(raw)
    told = [text for tag in NAMING if tag in raw for text in texts_of(raw[tag]._replace(vr="LO"), encodings)]
    words = frozenset(word for text in told for word in words_of(text))
    patient = _texts(raw, "PatientID", encodings)
    signed = raw.get(_TAGS["PixelRepresentation"], Element("US", b"")).value[:1] == b"\x01"
    days_back = pseudonyms.days_back(patient[0] if patient else "")
    return _case(pseudonyms, days_back, words, signed, encodings)


@lru_cache(16)
def _case(
    pseudonyms: Pseudonyms, days_back: int, words: frozenset[str], signed: bool, encodings: tuple[str, ...]
) -> Case:
    """Objects with all this in common are one case, so that equal attributes of theirs are cleaned once."""
    return Case(pseudonyms, days_back, words, words - WORDS, signed, encodings)


def _texts(raw: Elements, keyword: str, encodings: tuple[str, ...]) -> list[str]:
    return texts_of(raw[_TAGS[keyword]]._replace(vr="LO"), encodings) if _TAGS[keyword] in raw else []


def _put_age(clean: Elements, raw: Elements, case: Case) -> None:
    """An untold age is computed before the birth date goes."""
    tag = _TAGS["PatientAge"]
    if not case.pseudonyms.profile.knobs.retain_patient_characteristics:
        return
    if tag in clean and clean[tag].value:
        return
    clean.pop(tag, None)
    born, seen = as_date(text_at(raw, "PatientBirthDate")), study_day(raw)
    if text_at(raw, "PatientAge") or not born or not seen:
        return
    if born > seen:
        raise StudyRejected("born_after_study", "the birth date is after the study.", "correct it at its source")
    age = well_formed("AS", str(whole_years(born, seen)))
    if age:
        clean[tag] = Element("AS", age.encode())


def _put_identity(clean: Elements, raw: Elements) -> None:
    for keyword, vr in _EMPTIED.items():
        clean.setdefault(_TAGS[keyword], Element(vr, b""))
    clean[_TAGS["PatientName"]] = Element("PN", clean[_TAGS["PatientID"]].value)
    clean[_TAGS["SOPClassUID"]] = Element("UI", to_bytes("UI", [text_at(raw, "SOPClassUID")]))


def _put_layout(clean: Elements, raw: Elements) -> None:
    one = Element("US", b"\1\0")
    samples = raw.get(_TAGS["SamplesPerPixel"], one)
    three = samples.value != one.value and whole(Told(raw), "SamplesPerPixel", 1) == 3
    clean[_TAGS["SamplesPerPixel"]] = Element("US", b"\3\0") if three else one
    clean.setdefault(_TAGS["PixelRepresentation"], Element("US", b"\0\0"))
    kind = text_at(raw, "PhotometricInterpretation").upper()
    clean[_TAGS["PhotometricInterpretation"]] = Element("CS", to_bytes("CS", [kind]))
    coloured = is_coloured(Told(raw))
    for table in COLOUR_TABLES:
        if not coloured:
            clean.pop(table, None)  # data that nothing refers to may be anything
        elif kind == "PALETTE COLOR" and table not in clean:
            raise StudyRejected("malformed_header", "a palette's table is not described.", "correct it at its source")


def _declare(clean: Elements, raw: Elements, profile: Profile) -> None:
    """PS3.15 E.1.1: say that identity was removed and how. What an earlier de-identifier said of others' deeds goes."""
    clean[_TAGS["SpecificCharacterSet"]] = Element("CS", b"ISO_IR 192")
    clean[_TAGS["PatientIdentityRemoved"]] = Element("CS", b"YES ")
    clean[_TAGS["DeidentificationMethod"]] = Element("LO", to_bytes("LO", profile.method))
    clean[_TAGS["DeidentificationMethodCodeSequence"]] = Element("SQ", [_code(*code) for code in profile.codes])
    if profile.cleans_pixels:
        clean[_TAGS["BurnedInAnnotation"]] = Element("CS", b"NO")
    dates, earlier = profile.dates, text_at(raw, "LongitudinalTemporalInformationModified").upper()
    if earlier == "REMOVED" or (earlier == "MODIFIED" and dates == "UNMODIFIED"):
        dates = earlier
    clean[_TAGS["LongitudinalTemporalInformationModified"]] = Element("CS", to_bytes("CS", [dates]))


def _code(value: str, meaning: str) -> Elements:
    return {
        _TAGS["CodeValue"]: Element("SH", to_bytes("SH", [value])),
        _TAGS["CodingSchemeDesignator"]: Element("SH", b"DCM "),
        _TAGS["CodeMeaning"]: Element("LO", to_bytes("LO", [meaning])),
    }
