"""One file's bytes to one arrival: the same first steps for a folder, a live study and a replay."""

from __future__ import annotations

import hashlib
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from radloop.content import read_content
from radloop.dicom.layout import layout_of
from radloop.dicom.orientation import orientation_of
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import is_dicom, number, numbers, text, values_of, whole
from radloop.dicom.sizes import allowed_mib
from radloop.dicom.strip import strip
from radloop.dicom.told import Told
from radloop.dicom.values import age_in_years, as_date, laterality_code, sex_code
from radloop.errors import StudyRejected
from radloop.files import sha256
from radloop.png import clean_png, is_png
from radloop.records import Arrival, Record, Rejection

DICOM = "application/dicom"
PNG = "image/png"


def read_instance(
    content: bytes | mmap, pseudonyms: Pseudonyms, source: str = "instance", findings: list[str] | None = None
) -> Arrival:
    """Take the identity off one DICOM or PNG file and say what it is, deciding which it is by its first bytes.

    A PNG tells no patient: each distinct one counts as a patient of its own, named by its content.
    Raises StudyRejected, with a reason and without any value that could name a patient.
    """
    if not content:
        raise StudyRejected("empty_file", "the file has no bytes.", "copy it again")
    if isinstance(content, bytes) and is_png(content):
        return _anonymous_png(content, pseudonyms, source, findings)
    if is_dicom(content):
        return dicom_arrival(content, pseudonyms, source, findings)
    raise StudyRejected("not_an_image_file", "the file is neither DICOM nor PNG.", "remove or convert it")


def png_arrival(content: bytes, pixels: np.ndarray, source: str, instance_uid: str, **facts: Any) -> Arrival:
    """An arrival of a stripped PNG with what its source tells of it (fields of Record)."""
    rows, columns = pixels.shape
    record = Record(
        record_id=record_id(instance_uid),
        instance_uid=instance_uid,
        source=source,
        content_type=PNG,
        sha256=sha256(content),
        pixel_sha256=pixel_sha256(pixels),
        rows=rows,
        columns=columns,
        bits_stored=8,
        photometric_interpretation="MONOCHROME2",
        **facts,
    )
    return Arrival(record, content)


def record_id(instance_uid: str) -> str:
    """The catalog's id of an instance: short, and the same whenever that instance comes again."""
    return f"r-{sha256(instance_uid.encode())[:20]}"


def pixel_sha256(pixels: np.ndarray) -> str:
    """Hash of pixels with their shape and type, so that equal films are found whatever their headers say."""
    hashed = hashlib.sha256(f"{'x'.join(map(str, pixels.shape))}:{pixels.dtype.str[1:]}:".encode())
    hashed.update(np.ascontiguousarray(pixels).data)
    return hashed.hexdigest()


def rejection(
    refusal: StudyRejected, pseudonyms: Pseudonyms, source: str, *, name: str, content: bytes | mmap, position: int
) -> Rejection:
    """What is kept of a refused file: hashes and the reason, neither its name nor its content."""
    return Rejection(
        source=source,
        sha256=sha256(content),
        name_sha256=pseudonyms.name(name),
        reason=refusal.reason,
        message=refusal.message,
        position=position,
    )


def read_file(path: Path) -> bytes | mmap:
    """The bytes of one file of a source, mapped where it is large. Raises StudyRejected where it cannot be read."""
    try:
        return read_content(path)
    except OSError as error:
        raise StudyRejected(
            "unreadable_file", f"the file cannot be read ({error.strerror}).", "check rights and disk"
        ) from None


def _anonymous_png(content: bytes, pseudonyms: Pseudonyms, source: str, findings: list[str] | None) -> Arrival:
    stripped, pixels = clean_png(content, allowed_mib(None, pseudonyms.profile.knobs))
    own = f"content:{pixel_sha256(pixels)}"
    return png_arrival(
        stripped,
        pixels,
        source,
        pseudonyms.uid(own),
        patient_id=pseudonyms.patient(own),
        study_id=pseudonyms.study(f"study:{own}"),
        findings=findings,
    )


def dicom_arrival(
    content: bytes | mmap, pseudonyms: Pseudonyms, source: str, findings: list[str] | None = None
) -> Arrival:
    """An arrival of one DICOM file; nothing but what the declared profile leaves goes on from here.

    Raises StudyRejected as `radloop.dicom.strip.strip` does.
    """
    stripped = strip(content, pseudonyms)
    clean = stripped.header
    record = Record(
        source=source,
        content_type=DICOM,
        sha256=sha256(stripped.content),
        pixel_sha256=_hash_of_stored(clean, stripped.pixels),
        rows=whole(clean, "Rows", 0),
        columns=whole(clean, "Columns", 0),
        bits_stored=whole(clean, "BitsStored", 0),
        frames=layout_of(clean).frames if layout_of(clean).frames > 1 else None,
        findings=findings,
        **described(clean),
    )
    return Arrival(record, stripped.content, stripped.day)


def _hash_of_stored(clean: Told, content: memoryview) -> str:
    """`pixel_sha256` of de-identified pixels, without decoding them again."""
    layout = layout_of(clean)
    shape = layout.shape if layout.frames == 1 else (layout.frames, *layout.shape)
    return pixel_sha256(np.frombuffer(content, layout.kind).reshape(shape))


def described(clean: Told | Dataset) -> dict[str, Any]:
    """What a de-identified header tells of the object, its patient and the acquisition; what it does not tell is None.

    Raises StudyRejected for an impossible sex or age.
    """
    return {
        "record_id": record_id(text(clean, "SOPInstanceUID")),
        "patient_id": text(clean, "PatientID"),
        "study_id": text(clean, "StudyInstanceUID"),
        "instance_uid": text(clean, "SOPInstanceUID"),
        "sex": sex_code(text(clean, "PatientSex")),
        "age": age_in_years(text(clean, "PatientAge")),
        "photometric_interpretation": text(clean, "PhotometricInterpretation"),
        "modality": text(clean, "Modality") or None,
        "body_part": text(clean, "BodyPartExamined") or None,
        "view": text(clean, "ViewPosition") or None,
        "site": text(clean, "InstitutionName") or None,
        "manufacturer": text(clean, "Manufacturer") or None,
        "model_name": text(clean, "ManufacturerModelName") or None,
        "software": "; ".join(map(str, values_of(clean, "SoftwareVersions"))) or None,
        "acquired_on": as_date(text(clean, "AcquisitionDate")) or as_date(text(clean, "StudyDate")),
        "kvp": number(clean, "KVP"),
        "exposure": _exposure(clean),
        "series_id": text(clean, "SeriesInstanceUID") or None,
        "slice_thickness": number(clean, "SliceThickness"),
        "orientation": orientation_of(numbers(clean, "ImageOrientationPatient", 6)),
        "kernel": text(clean, "ConvolutionKernel") or None,
        "series_description": text(clean, "SeriesDescription") or None,
        "laterality": laterality_code(text(clean, "Laterality"), text(clean, "ImageLaterality")),
        "pixel_spacing": number(clean, "PixelSpacing") or number(clean, "ImagerPixelSpacing"),
    }


def _exposure(clean: Told) -> float | None:
    """Exposure in mAs, from the finest attribute that tells it (PS3.3 C.8.7.5)."""
    if (micro := number(clean, "ExposureInuAs")) is not None:
        return micro / 1000
    if (milli := number(clean, "Exposure")) is not None:
        return milli
    if (milli := number(clean, "ExposureInmAs")) is not None:
        return milli
    current, time = number(clean, "XRayTubeCurrent"), number(clean, "ExposureTime")
    return current * time / 1000 if current and time else None
