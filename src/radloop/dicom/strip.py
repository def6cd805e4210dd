"""A DICOM file without its identity: by the fast path where that gives the same bytes, else by the plain one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from mmap import mmap

import numpy as np

from radloop.bounds import HEADER, MIB, bounded, decoding
from radloop.content import LARGE
from radloop.dicom.blanking import without_text
from radloop.dicom.deidentify import deidentify, elements_of, plain_frames, plain_header, to_bytes
from radloop.dicom.elements import Elements
from radloop.dicom.frame_reader import FrameReader
from radloop.dicom.groups import laid_out
from radloop.dicom.header import study_day
from radloop.dicom.layout import layout_of
from radloop.dicom.parse import Unusual, parse
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_object, require_storable, text
from radloop.dicom.risks import refuse_recognisable
from radloop.dicom.sizes import decoded_mib
from radloop.dicom.splice import clean_pixels, splice, stored_file
from radloop.dicom.told import Told
from radloop.dicom.values import age_in_years, sex_code


@dataclass(frozen=True)
class Stripped:
    """What may be stored: the file, and its attributes without pixels, converted when they are looked at.

    What an enhanced object says in groups alike for all frames counts as said at the top.

    `day` is the true day of the examination. It is for the gateway alone: the header's dates are shifted.
    """

    content: bytes | mmap
    header: Told
    pixels: memoryview
    day: date | None


def strip(content: bytes | mmap, pseudonyms: Pseudonyms) -> Stripped:
    """Take the identity off one DICOM file.

    What is large is made in a temporary file, a frame at a time. Raises StudyRejected where it is no image that can
    be stored, cannot be decoded, tells an impossible sex or age, is of a kind that the profile quarantines, or shows
    text that cannot be cleaned for sure.
    """
    try:
        with bounded(HEADER):
            file = parse(content)
            told = Told(file.elements)
            require_storable(told, has_pixels=True)
            decoded_mib(told, pseudonyms.profile.knobs)
    except Unusual:
        return _plainly(content, pseudonyms)
    pixels = clean_pixels(content, file, told)
    if pixels is None:
        return _plainly(content, pseudonyms)
    refuse_unfit(told, file.elements, pseudonyms)
    stored, header = splice(file, _cleaned(pixels, told, pseudonyms), pseudonyms)
    return Stripped(stored, Told(laid_out(header)), _pixels_of(stored, len(pixels)), study_day(file.elements))


def _cleaned(pixels: memoryview, told: Told, pseudonyms: Pseudonyms) -> Iterator[bytes | memoryview]:
    """What is stored of each frame; all at once where nothing is looked for."""
    if not pseudonyms.profile.cleans_pixels:
        yield pixels
        return
    layout = layout_of(told)
    for start in range(0, len(pixels), layout.frame_bytes):
        own = pixels[start : start + layout.frame_bytes]
        frame = np.frombuffer(own, layout.kind).reshape(layout.shape)
        clean = without_text(frame, told, pseudonyms.profile)
        yield own if clean is frame else clean.tobytes()


def _pixels_of(stored: bytes | mmap, length: int) -> memoryview:
    """Pixels end a file of ours, but for the byte that makes their number even."""
    start = len(stored) - length - length % 2
    return memoryview(stored)[start : start + length]


def _plainly(content: bytes | mmap, pseudonyms: Pseudonyms) -> Stripped:
    with bounded(HEADER):
        raw, pixels = read_object(content)
        elements = elements_of(raw)
        refuse_unfit(Told(elements), elements, pseudonyms)
        decoded = decoded_mib(raw, pseudonyms.profile.knobs)
    layout = layout_of(raw)
    held = layout.frame_bytes / MIB if decoded * MIB > LARGE else decoded
    with bounded(decoding(decoded, held)):
        if decoded * MIB <= LARGE:
            clean = deidentify(raw, pseudonyms, pixels)
            stored: bytes | mmap = to_bytes(clean)
            header = elements_of(clean)
        else:
            reader = FrameReader(raw, pixels)
            header = plain_header(reader.layout, elements, pseudonyms)
            stored = stored_file(header, plain_frames(reader, elements, pseudonyms), reader.layout)
    length = layout_of(Told(header)).object_bytes
    return Stripped(stored, Told(laid_out(header)), _pixels_of(stored, length), study_day(elements))


def refuse_unfit(told: Told, elements: Elements, pseudonyms: Pseudonyms) -> None:
    """Raises StudyRejected for an impossible sex or age, and for a kind that the profile quarantines."""
    sex_code(text(told, "PatientSex"))
    age_in_years(text(told, "PatientAge"))
    refuse_recognisable(told, elements, pseudonyms.profile)
