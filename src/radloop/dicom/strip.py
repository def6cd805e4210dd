"""A DICOM file without its identity: by the fast path where that gives the same bytes, else by the plain one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from radloop.bounds import HEADER, bounded, decoding
from radloop.dicom.blanking import without_text
from radloop.dicom.deidentify import deidentify, elements_of, to_bytes
from radloop.dicom.elements import Elements
from radloop.dicom.header import study_day
from radloop.dicom.parse import Unusual, parse
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_dicom, require_one_image, stored_type, text, whole
from radloop.dicom.risks import refuse_recognisable
from radloop.dicom.sizes import decoded_mib
from radloop.dicom.splice import clean_pixels, splice
from radloop.dicom.told import Told
from radloop.dicom.values import age_in_years, sex_code


@dataclass(frozen=True)
class Stripped:
    """What may be stored: the file, and its attributes without pixels, converted when they are looked at.

    `day` is the true day of the examination. It is for the gateway alone: the header's dates are shifted.
    """

    content: bytes
    header: Told
    pixels: memoryview
    day: date | None


def strip(content: bytes, pseudonyms: Pseudonyms) -> Stripped:
    """Take the identity off one DICOM file.

    Raises StudyRejected where it is no single monochrome image, cannot be decoded, tells an impossible sex or age,
    is of a kind that the profile quarantines, or shows text that cannot be cleaned for sure.
    """
    try:
        with bounded(HEADER):
            file = parse(content)
            told = Told(file.elements)
            require_one_image(told, has_pixels=True)
            decoded_mib(told, pseudonyms.profile.knobs)
    except Unusual:
        return _plainly(content, pseudonyms)
    pixels = clean_pixels(content, file, told)
    if pixels is None:
        return _plainly(content, pseudonyms)
    refuse_unfit(told, file.elements, pseudonyms)
    pixels = _cleaned(pixels, told, pseudonyms)
    stored, header = splice(content, file, pixels, pseudonyms)
    return Stripped(stored, Told(header), pixels, study_day(file.elements))


def _cleaned(pixels: memoryview, told: Told, pseudonyms: Pseudonyms) -> memoryview:
    if not pseudonyms.profile.cleans_pixels:
        return pixels
    frame = np.frombuffer(pixels, stored_type(told)).reshape(whole(told, "Rows", 0), whole(told, "Columns", 0))
    clean = without_text(frame, told, pseudonyms.profile)
    return pixels if clean is frame else memoryview(clean.tobytes())


def _plainly(content: bytes, pseudonyms: Pseudonyms) -> Stripped:
    with bounded(HEADER):
        raw = read_dicom(content)
        elements = elements_of(raw)
        refuse_unfit(Told(elements), elements, pseudonyms)
        decoded = decoded_mib(raw, pseudonyms.profile.knobs)
    with bounded(decoding(decoded)):
        clean = deidentify(raw, pseudonyms)
    length = clean.Rows * clean.Columns * clean.BitsAllocated // 8
    return Stripped(
        to_bytes(clean), Told(elements_of(clean)), memoryview(clean.PixelData)[:length], study_day(elements)
    )


def refuse_unfit(told: Told, elements: Elements, pseudonyms: Pseudonyms) -> None:
    """Raises StudyRejected for an impossible sex or age, and for a kind that the profile quarantines."""
    sex_code(text(told, "PatientSex"))
    age_in_years(text(told, "PatientAge"))
    refuse_recognisable(told, elements, pseudonyms.profile)
