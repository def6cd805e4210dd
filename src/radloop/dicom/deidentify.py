"""Identity out, by the declared profile: the plain path, which pydicom reads, decodes and writes.

Dropped with what the profile removes: overlays, curves, the preamble, file meta information, bytes behind the
pixels and the compressed stream with its own comment fields (pixels are stored uncompressed). Text burned into
the pixels is painted over where the profile cleans pixels. `radloop.dicom.splice` gives the same bytes sooner.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from struct import pack

import pydicom
from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian

from radloop.content import Content
from radloop.dicom.blanking import without_text
from radloop.dicom.elements import Element, Elements, even
from radloop.dicom.frame_reader import FrameReader
from radloop.dicom.header import clean_header, require_whole, tag_of
from radloop.dicom.layout import Layout
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.told import Told

IMPLEMENTATION = "2.25.232766131041958326211098231147293652143"
VERSION = "RADLOOP"  # without a number: bytes must not change with releases
_BEHIND = 0x7FE00000  # pixels and what follows them
_ALLOCATED, _REPRESENTATION, _PHOTOMETRIC, _PLANAR = map(
    tag_of, ("BitsAllocated", "PixelRepresentation", "PhotometricInterpretation", "PlanarConfiguration")
)


def deidentify(dataset: Dataset, pseudonyms: Pseudonyms, pixels: Content | None = None) -> Dataset:
    """A new data set under the pseudonyms' profile, with the pixels decoded and nothing else kept from the file.

    `pixels` are those of a header that has none itself. Raises StudyRejected where the pixels cannot be decoded or
    their text cannot be cleaned, the birth is after the study, or a value that cannot be left out is malformed.
    Source: PS3.15 Annex E.
    """
    elements = elements_of(dataset)
    reader = FrameReader(dataset, pixels)
    content = b"".join(plain_frames(reader, elements, pseudonyms))
    clean = dataset_of(plain_header(reader.layout, elements, pseudonyms))
    clean.add_new("PixelData", "OW", even(content, b"\0"))
    clean.file_meta = FileMetaDataset()
    clean.file_meta.MediaStorageSOPClassUID = clean.SOPClassUID
    clean.file_meta.MediaStorageSOPInstanceUID = clean.SOPInstanceUID
    clean.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    clean.file_meta.ImplementationClassUID = IMPLEMENTATION
    clean.file_meta.ImplementationVersionName = VERSION
    return clean


def plain_header(layout: Layout, elements: Elements, pseudonyms: Pseudonyms) -> Elements:
    """The clean header of pixels that lie as `layout` says, whatever `elements` told of them while compressed.

    Raises StudyRejected as `deidentify` does.
    """
    header = clean_header(elements, pseudonyms)
    require_whole(header)
    header[_ALLOCATED] = Element("US", pack("<H", 8 * layout.kind.itemsize))
    header[_REPRESENTATION] = Element("US", pack("<H", int(layout.kind.kind == "i")))
    if layout.is_colour:
        header[_PHOTOMETRIC] = Element("CS", even(layout.photometric.encode()))
        header[_PLANAR] = Element("US", pack("<H", layout.planar))
    return header


def plain_frames(reader: FrameReader, elements: Elements, pseudonyms: Pseudonyms) -> Iterator[bytes]:
    """The bytes of each frame as they are stored, one at a time. Raises StudyRejected as `deidentify` does."""
    told = Told(elements)
    for frame in reader:
        clean = without_text(frame, told, pseudonyms.profile)
        yield clean.astype(reader.layout.kind, copy=False).tobytes()


def to_bytes(dataset: Dataset) -> bytes:
    """A de-identified data set as a DICOM file (PS3.10), with a preamble of zeros; equal input, equal bytes."""
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True, implicit_vr=False, little_endian=True, overwrite=True)
    return stream.getvalue()


def elements_of(dataset: Dataset) -> Elements:
    """The attributes of a data set before its pixels, as bytes; a value that cannot be written counts as empty."""
    tags = list(dataset.keys())  # iterating over the data set itself would convert every value
    return {int(tag): _element(dataset, tag) for tag in tags if tag < _BEHIND}


def dataset_of(elements: Elements) -> Dataset:
    """A data set of attributes in explicit little endian, converted when they are looked at."""
    found: dict[BaseTag, DataElement | RawDataElement] = {}
    for tag in sorted(elements):
        vr, value = elements[tag]
        if isinstance(value, list):
            found[BaseTag(tag)] = DataElement(tag, vr, Sequence([dataset_of(item) for item in value]))
        else:
            found[BaseTag(tag)] = RawDataElement(BaseTag(tag), vr, len(value), value, 0, False, True)
    return Dataset(found, parent_encoding=["utf8"])  # of items too: a clean header declares it at its top


def _element(dataset: Dataset, tag: BaseTag) -> Element:
    try:
        found = dataset.get_item(tag)  # converts what has no value
        if isinstance(found, RawDataElement):
            told = found.VR or ""
            implied = not told and pydicom.datadict.dictionary_has_tag(tag) and pydicom.datadict.dictionary_VR(tag)
            if found.is_little_endian and "SQ" not in (told, implied):
                return Element(told, bytes(found.value or b""))
        return _converted(dataset[tag], dataset)
    except Exception:  # conversion of a malformed value fails in any way; it counts as not told
        return Element("UN", b"")


def _converted(found: DataElement, dataset: Dataset) -> Element:
    if found.VR == "SQ":
        return Element("SQ", [elements_of(item) for item in found.value])
    vr = found.VR
    if " or " in vr:  # pydicom leaves it open until writing
        vr = "OW" if isinstance(found.value, bytes) else "US" if min(_whole(found.value)) >= 0 else "SS"
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, True
    charset = dataset.get("SpecificCharacterSet") or "ISO_IR 6"
    write_data_element(
        stream, DataElement(found.tag, vr, found.value, already_converted=True), convert_encodings(charset)
    )
    return Element(vr, stream.getvalue()[8:])  # behind tag and length


def _whole(value: object) -> list[int]:
    return (
        [int(str(one)) for one in value] if isinstance(value, list | pydicom.multival.MultiValue) else [int(str(value))]
    )
