"""Identity out, by a keep-list: a new data set is built from what may stay, so nothing can be forgotten.

Dropped with everything else: private tags, nested sequences, overlays, comments, the preamble, file meta
information, bytes behind the pixels and the compressed stream with its own comment fields (pixels are stored
uncompressed). Dates and ages stay. Text burned into the pixels is not looked for: no cleaning is claimed.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pydicom
from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import ExplicitVRLittleEndian

from radloop.dicom.keep import EMPTIED, KEPT, REMAPPED, TABLES
from radloop.dicom.pixels import stored_values
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import items_of, text, value_of, values_of
from radloop.dicom.values import age_string, as_date, whole_years
from radloop.errors import StudyRejected

METHOD = ("radloop keep-list", "dates and ages kept", "pixels not cleaned")
_IMPLEMENTATION = "2.25.232766131041958326211098231147293652143"
_CODE = re.compile(r"[A-Z0-9_ ]{1,16}")
_DEVICE_TEXT = re.compile(r"[^\x00-\x1f\\^=]{1,64}")  # neither control characters nor a person name's separators


def deidentify(dataset: Dataset, pseudonyms: Pseudonyms) -> Dataset:
    """A new data set with the attributes of the keep-list alone, its UIDs and PatientID replaced by pseudonyms.

    Consistent: equal identifiers become equal pseudonyms under one key, in any order and on any machine.
    Dates are kept; an absent PatientAge is computed from the birth date before that is dropped.
    Raises StudyRejected where the pixels cannot be decoded. Source: PS3.15 Annex E.
    """
    clean = Dataset()
    for keyword, tag, representation in _KEPT:
        _keep(clean, dataset, keyword, tag, representation)
    _keep_age(clean, dataset)
    _keep_tables(clean, dataset)
    _replace_identifiers(clean, dataset, pseudonyms)
    _put_pixels(clean, dataset)
    _declare(clean, dataset)
    return clean


def to_bytes(dataset: Dataset) -> bytes:
    """A de-identified data set as a DICOM file (PS3.10), with a preamble of zeros; equal input, equal bytes."""
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True, implicit_vr=False, little_endian=True, overwrite=True)
    return stream.getvalue()


def _described(keyword: str) -> tuple[str, BaseTag, str]:
    tag = Tag(keyword)
    return keyword, tag, dictionary_VR(tag)


_KEPT = tuple(_described(keyword) for keyword in KEPT)


def _is_number(value: Any) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except (TypeError, ValueError):
        return False


_FORMS: dict[str, Callable[[Any], bool]] = {
    "CS": lambda value: bool(_CODE.fullmatch(str(value))),
    "LO": lambda value: bool(_DEVICE_TEXT.fullmatch(str(value))),
    "SH": lambda value: bool(_DEVICE_TEXT.fullmatch(str(value))),
    "DA": lambda value: as_date(str(value)) is not None,
    "DS": _is_number,
    "IS": _is_number,
    "US": _is_number,
    "SS": _is_number,
    "FD": _is_number,
}


def _keep(clean: Dataset, dataset: Dataset, keyword: str, tag: BaseTag, representation: str) -> None:
    """Copy one attribute, unless a value has not the form of its kind: a name may hide in a number's place."""
    values = values_of(dataset, keyword)
    if not values:
        return
    if representation in ("CS", "LO", "SH"):
        values = [str(value).strip(" \0") for value in values]
    if representation == "CS":
        values = [str(value).upper() for value in values]
    if all(_FORMS[representation](value) for value in values):
        _put(clean, tag, representation, values)


def _put(clean: Dataset, tag: BaseTag, representation: str, values: list[Any]) -> None:
    value = values if len(values) > 1 else values[0]
    clean[tag] = DataElement(tag, representation, value, validation_mode=config.IGNORE)


def _keep_age(clean: Dataset, dataset: Dataset) -> None:
    told = text(dataset, "PatientAge")
    born, seen = as_date(text(dataset, "PatientBirthDate")), _study_day(dataset)
    if told:
        age = age_string(told)
    elif born and seen:
        if born > seen:
            raise StudyRejected("born_after_study", "the birth date is after the study.", "correct it at its source")
        age = age_string(str(whole_years(born, seen)))
    else:
        age = None
    if age:
        clean.PatientAge = age


def _study_day(dataset: Dataset) -> date | None:
    return as_date(text(dataset, "AcquisitionDate")) or as_date(text(dataset, "StudyDate"))


def _keep_tables(clean: Dataset, dataset: Dataset) -> None:
    for keyword in TABLES:
        items = [_table(item) for item in items_of(dataset, keyword)]
        kept = [item for item in items if item is not None]
        if kept:
            setattr(clean, keyword, kept)


def _table(item: Dataset) -> Dataset | None:
    """One look-up table with numbers alone: its explanation is free text."""
    descriptor, entries = values_of(item, "LUTDescriptor"), value_of(item, "LUTData")
    if len(descriptor) != 3 or not all(map(_is_number, descriptor)) or entries is None:
        return None
    if not isinstance(entries, bytes):
        entries = np.asarray(values_of(item, "LUTData")).astype("<u2").tobytes()
    count, first, bits = (int(float(str(value))) % 65536 for value in descriptor)
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [count, first, bits])
    table.add_new("LUTData", "OW", entries[: 2 * (count or 65536)])
    kind = text(item, "ModalityLUTType").upper()
    if kind in ("OD", "HU", "US"):
        table.ModalityLUTType = kind
    return table


def _replace_identifiers(clean: Dataset, dataset: Dataset, pseudonyms: Pseudonyms) -> None:
    for keyword in REMAPPED:
        if raw := text(dataset, keyword):
            setattr(clean, keyword, pseudonyms.uid(raw))
    for keyword in EMPTIED:
        setattr(clean, keyword, "")
    clean.PatientID = pseudonyms.patient(text(dataset, "PatientID"))
    clean.PatientName = clean.PatientID
    if site := text(dataset, "InstitutionName"):
        clean.InstitutionName = pseudonyms.site(site)


def _put_pixels(clean: Dataset, dataset: Dataset) -> None:
    pixels = stored_values(dataset)
    content = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
    clean.SamplesPerPixel = 1
    clean.PhotometricInterpretation = text(dataset, "PhotometricInterpretation").upper()
    clean.BitsAllocated = 8 * pixels.dtype.itemsize
    clean.PixelRepresentation = int(pixels.dtype.kind == "i")
    clean.add_new("PixelData", "OW", content + b"\0" * (len(content) % 2))


def _declare(clean: Dataset, dataset: Dataset) -> None:
    clean.SpecificCharacterSet = "ISO_IR 192"
    clean.SOPClassUID = text(dataset, "SOPClassUID")
    clean.PatientIdentityRemoved = "YES"
    clean.DeidentificationMethod = list(METHOD)
    earlier = text(dataset, "LongitudinalTemporalInformationModified").upper()
    clean.LongitudinalTemporalInformationModified = earlier if earlier in ("MODIFIED", "REMOVED") else "UNMODIFIED"
    clean.file_meta = FileMetaDataset()
    clean.file_meta.MediaStorageSOPClassUID = clean.SOPClassUID
    clean.file_meta.MediaStorageSOPInstanceUID = clean.SOPInstanceUID
    clean.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    clean.file_meta.ImplementationClassUID = _IMPLEMENTATION
    clean.file_meta.ImplementationVersionName = "RADLOOP"  # without a number: bytes must not change with releases
