"""CT slices beside pydicom: the survey of many headers, and identity off by read, edit and write."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from radloop.bench.clock import Ratio, compare
from radloop.bench.setting import KEY
from radloop.dicom.headline import headline, of_dataset
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.strip import strip
from radloop.errors import RadloopError
from radloop.simulate.dicom_encode import data_set, part10

SIDE, SLICES = 512, 24
CT, EXPLICIT, IMPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
SMALL = 16  # pixels a side of the slices whose headers are surveyed: neither way reads them
SCAN_GOAL, EDIT_GOAL = 1 / 8, 1 / 6  # the largest shares of pydicom's time that are wished for
UNLIKE = "the bench compares unlike things: mend it before its figures are used"
_CODE = {"CodeValue": "T-D3000", "CodingSchemeDesignator": "SRT", "CodeMeaning": "Chest"}


def slice_header(number: int, side: int) -> dict[str, Any]:
    """A header as long as a scanner's, of an invented patient: text, numbers, dates, UIDs and sequences."""
    uid = f"2.25.{number // 100 + 1}"
    reference = [{"ReferencedSOPClassUID": CT, "ReferencedSOPInstanceUID": f"{uid}.9.{one}"} for one in range(4)]
    return {
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "SOPClassUID": CT, "SOPInstanceUID": f"{uid}.1.{number}",
        "InstanceCreationDate": "20240301", "InstanceCreationTime": "101112.5", "StudyDate": "20240301",
        "SeriesDate": "20240301", "AcquisitionDate": "20240301", "ContentDate": "20240301", "StudyTime": "100000",
        "SeriesTime": "100100", "AcquisitionTime": "100200", "ContentTime": "100300", "AccessionNumber": "A4711",
        "Modality": "CT", "Manufacturer": "SIEMENS", "InstitutionName": "Invented Hospital",
        "InstitutionAddress": "Street 1", "ReferringPhysicianName": "Referrer^Ann", "StationName": "CT01",
        "StudyDescription": "CT CHEST WITH CONTRAST", "SeriesDescription": "AXIAL LUNG",
        "InstitutionalDepartmentName": "Radiology", "PerformingPhysicianName": "Performer^Bo",
        "OperatorsName": "Operator^Cy", "ManufacturerModelName": "Definition", "ReferencedImageSequence": reference,
        "ReferencedStudySequence": reference[:1], "AnatomicRegionSequence": [_CODE], "ProcedureCodeSequence": [_CODE],
        "PatientName": f"Invented^{uid[-4:]}", "PatientID": f"invented-{uid}", "PatientBirthDate": "19600102",
        "PatientSex": "F", "PatientAge": "064Y", "PatientSize": "1.7", "PatientWeight": "70", "OtherPatientIDs": "x77",
        "PatientAddress": "Street 2", "EthnicGroup": "", "PatientComments": "none", "BodyPartExamined": "CHEST",
        "ScanOptions": "HELICAL", "SliceThickness": "1.25", "KVP": "120", "DataCollectionDiameter": "500",
        "DeviceSerialNumber": "1234", "SoftwareVersions": "VA44", "ProtocolName": "chest",
        "TimezoneOffsetFromUTC": "+0100",
        "ReconstructionDiameter": "350", "DistanceSourceToDetector": "950", "DistanceSourceToPatient": "541",
        "GantryDetectorTilt": "0", "TableHeight": "150", "RotationDirection": "CW", "ExposureTime": "500",
        "XRayTubeCurrent": "200", "Exposure": "100", "FilterType": "FLAT", "GeneratorPower": "24", "FocalSpots": "1.2",
        "ConvolutionKernel": "B60f", "PatientPosition": "HFS", "DateOfLastCalibration": "20240229",
        "TimeOfLastCalibration": "080000", "SingleCollimationWidth": 0.6, "TotalCollimationWidth": 38.4,
        "TableSpeed": 46.0, "TableFeedPerRotation": 23.0, "SpiralPitchFactor": 0.6, "EstimatedDoseSaving": 0.0,
        "CTDIvol": 7.1, "ExposureModulationType": "NONE", "StudyInstanceUID": uid,
        "SeriesInstanceUID": f"{uid}.2", "StudyID": "77", "SeriesNumber": "2", "AcquisitionNumber": "1",
        "InstanceNumber": str(number), "ImagePositionPatient": ["-175", "-175", f"{number * 1.25}"],
        "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"], "FrameOfReferenceUID": f"{uid}.3",
        "PositionReferenceIndicator": "", "SliceLocation": f"{number * 1.25}", "ImageComments": "none",
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "Rows": side, "Columns": side,
        "PixelSpacing": ["0.68", "0.68"], "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11,
        "PixelRepresentation": 0, "SmallestImagePixelValue": 0, "LargestImagePixelValue": 4095,
        "WindowCenter": ["40", "-600"], "WindowWidth": ["400", "1200"], "RescaleIntercept": "-1024",
        "RescaleSlope": "1", "RescaleType": "HU", "WindowCenterWidthExplanation": ["SOFT", "LUNG"],
        "RequestingPhysician": "Requester^Di", "RequestedProcedureDescription": "CT CHEST",
        "PerformedProcedureStepStartDate": "20240301", "PerformedProcedureStepStartTime": "100000",
        "PerformedProcedureStepID": "P1", "RequestAttributesSequence": [{"ScheduledProcedureStepID": "S1"}],
    }  # fmt: skip


def slice_file(number: int, side: int) -> bytes:
    """A CT slice in explicit VR, with a private block of 40 elements; its pixels are noise."""
    pixels = np.random.default_rng(number).integers(0, 4096, (side, side)).astype("<u2")
    private = {0x00190010: ("LO", "SIEMENS CT VA0")} | {0x00191000 + one: ("DS", str(one)) for one in range(40)}
    attributes = slice_header(number, side) | {"PixelData": pixels.tobytes()}
    uid = attributes["SOPInstanceUID"]
    meta = {"MediaStorageSOPClassUID": CT, "MediaStorageSOPInstanceUID": uid, "TransferSyntaxUID": EXPLICIT}
    return part10(meta | {"ImplementationClassUID": "2.25.1"}, data_set(attributes, private))


def _implicit(content: bytes) -> bytes:
    stream = io.BytesIO()
    found = pydicom.dcmread(io.BytesIO(content))
    found.file_meta.TransferSyntaxUID = IMPLICIT
    pydicom.dcmwrite(stream, found, implicit_vr=True, little_endian=True, overwrite=True)
    return stream.getvalue()


def time_scan(folder: Path, files: int, turns: int) -> Ratio:
    """Headlines of a folder's files, every other one implicit, against pydicom's headers without pixels."""
    kinds = [slice_file(number, SMALL) for number in range(0, 1000, 100)]
    kinds = [_implicit(content) if place % 2 else content for place, content in enumerate(kinds)]
    paths = [folder / f"{number}.dcm" for number in range(files)]
    for number, path in enumerate(paths):
        path.write_bytes(kinds[number % len(kinds)])

    def ours() -> list[object]:
        return [headline(path) for path in paths]

    def plain() -> list[object]:
        return [of_dataset(pydicom.dcmread(path, stop_before_pixels=True)) for path in paths]

    if ours() != plain():
        raise RadloopError("the survey and pydicom read other headlines", UNLIKE)
    return compare(f"scan: {files} headers", (ours, plain), f"{files} equal headlines", turns, SCAN_GOAL)


def time_edit(turns: int) -> Ratio:
    """Identity off CT slices against pydicom alone, which reads, edits by the same decisions, and writes.

    The plain way knows beforehand what is to become of each attribute, so it pays for no decision and for no check.
    """
    contents, profile = [slice_file(number, SIDE) for number in range(SLICES)], Profile()
    pseudonyms = Pseudonyms(KEY, profile)
    wanted = [pydicom.dcmread(io.BytesIO(strip(content, pseudonyms).content)) for content in contents]

    def ours() -> list[bytes]:
        pseudonyms = Pseudonyms(KEY, profile)  # anew, or it would remember the slices of the turn before
        return [bytes(strip(content, pseudonyms).content) for content in contents]

    def plain() -> list[bytes]:
        return [_edited(content, clean) for content, clean in zip(contents, wanted, strict=True)]

    for one, clean, edited in zip(contents, wanted, plain(), strict=True):
        found = pydicom.dcmread(io.BytesIO(edited))
        if found != clean or found.PixelData != pydicom.dcmread(io.BytesIO(one)).PixelData:
            raise RadloopError("the two ways to remove identity leave other attributes or pixels", UNLIKE)
    equal = "attributes equal, pixels those of the input byte for byte"
    return compare(f"de-identify: {SLICES} CT slices of {SIDE} px", (ours, plain), equal, turns, EDIT_GOAL)


def _edited(content: bytes, clean: Dataset) -> bytes:
    """One file as a plain script would: attributes deleted that go, set that change, then saved."""
    found = pydicom.dcmread(io.BytesIO(content))
    for tag in [one.tag for one in found if one.tag not in clean]:
        del found[tag]
    for new in clean:
        if new.tag not in found or (new.tag.group != 0x7FE0 and found[new.tag] != new):
            found[new.tag] = new
    found.file_meta.MediaStorageSOPInstanceUID = clean.SOPInstanceUID
    stream = io.BytesIO()
    found.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
