"""A DICOM file without its identity: by the fast path where that gives the same bytes, else by the plain one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from mmap import mmap

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset

from radloop.bounds import HEADER, MIB, bounded, decoding
from radloop.content import LARGE, Content
from radloop.dicom.blanking import without_text
from radloop.dicom.deidentify import dataset_of, deidentify, elements_of, plain_frames, plain_header, to_bytes
from radloop.dicom.elements import Elements
from radloop.dicom.frame_reader import OF_PIXELS, FrameReader
from radloop.dicom.groups import laid_out
from radloop.dicom.header import study_day, tag_of
from radloop.dicom.layout import layout_of
from radloop.dicom.parse import Part10, Unusual, parse
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_object, require_storable, text
from radloop.dicom.risks import refuse_recognisable
from radloop.dicom.sizes import decoded_mib
from radloop.dicom.splice import clean_pixels, splice, stored_file
from radloop.dicom.told import Told
from radloop.dicom.values import age_in_years, sex_code

_OF_PIXELS = frozenset(map(tag_of, (*OF_PIXELS, "NumberOfFrames", "Modality")))


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
            if file.coded:
                refuse_unfit(told, file.elements, pseudonyms)
    except Unusual:
        return _plainly(content, pseudonyms)
    if file.coded:
        return _decoded(_pixel_header(file), file.elements, memoryview(content)[file.pixels], pseudonyms)
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
    if decoded * MIB > LARGE:
        return _decoded(raw, elements, pixels, pseudonyms)
    with bounded(decoding(decoded)):
        clean = deidentify(raw, pseudonyms, pixels)
        stored = to_bytes(clean)
    header = Told(laid_out(elements_of(clean)))
    return Stripped(stored, header, _pixels_of(stored, layout_of(header).object_bytes), study_day(elements))


def _decoded(raw: Dataset, elements: Elements, pixels: Content, pseudonyms: Pseudonyms) -> Stripped:
    """Frame by frame, of which few live at a time; `raw` tells of the pixels, `elements` of everything."""
    decoded, reader = decoded_mib(raw, pseudonyms.profile.knobs), FrameReader(raw, pixels)
    held = reader.layout.frame_bytes / MIB if decoded * MIB > LARGE else decoded
    with bounded(decoding(decoded, held)):
        header = plain_header(reader.layout, elements, pseudonyms)
        stored = stored_file(header, plain_frames(reader, elements, pseudonyms), reader.layout)
    return Stripped(stored, Told(laid_out(header)), _pixels_of(stored, reader.layout.object_bytes), study_day(elements))


def _pixel_header(file: Part10) -> Dataset:
    """What a compressed file tells of its pixels, because pydicom takes long to read all that an enhanced one tells."""
    header = dataset_of({tag: one for tag, one in file.elements.items() if tag in _OF_PIXELS})
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = file.syntax
    return header


def refuse_unfit(told: Told, elements: Elements, pseudonyms: Pseudonyms) -> None:
    """Raises StudyRejected for an impossible sex or age, and for a kind that the profile quarantines."""
    sex_code(text(told, "PatientSex"))
    age_in_years(text(told, "PatientAge"))
    refuse_recognisable(told, elements, pseudonyms.profile)
