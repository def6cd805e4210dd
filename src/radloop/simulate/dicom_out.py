"""Write a SIMULATED study as a valid DICOM Digital X-Ray image, identity and all.

Source: DICOM PS3.3 A.26 (Digital X-Ray Image IOD) and its modules in C.8.11.
"""

from typing import Any

from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from radloop.simulate.dicom_encode import data_set, part10
from radloop.simulate.identities import Identity, identity, uid
from radloop.simulate.knobs import Hospital
from radloop.simulate.population import Study
from radloop.simulate.processing import BITS_STORED, DEEPEST
from radloop.simulate.radiograph import Radiograph

NOTICE = "SIMULATED image of a person who does not exist"
PRIVATE_GROUP = 0x0019
MAS_PER_COUNT = 6.0e-4


def instance_uid(seed: int, planned: Study) -> str:
    """The SOP Instance UID of a study: by patient and visit, so that no other period of a hospital has it."""
    return uid(seed, "instance", planned.patient, planned.visit)


def dicom_bytes(hospital: Hospital, planned: Study, film: Radiograph) -> bytes:
    """One Part 10 file, Explicit VR Little Endian, uncompressed: the same bytes for the same study."""
    meta = {
        "MediaStorageSOPClassUID": DigitalXRayImageStorageForPresentation,
        "MediaStorageSOPInstanceUID": instance_uid(hospital.seed, planned),
        "TransferSyntaxUID": ExplicitVRLittleEndian,
        "ImplementationClassUID": uid("implementation"),
        "ImplementationVersionName": "RADLOOP_SIM",
    }
    who = identity(hospital.seed, planned)
    attributes = (
        _patient(planned, who)
        | _study(hospital, planned, who)
        | _equipment(planned, who)
        | _acquisition(planned, film)
        | _image(planned, film)
    )
    return part10(meta, data_set(attributes, _private(planned, who)))


def _patient(planned: Study, who: Identity) -> dict[str, Any]:
    return {
        "PatientName": who.name,
        "PatientID": who.number,
        "PatientBirthDate": planned.born.strftime("%Y%m%d"),
        "PatientSex": planned.sex,
        "PatientAge": f"{int(planned.age):03d}Y",
        "PatientAddress": who.address,
        "PatientTelephoneNumbers": who.telephone,
        "PatientComments": NOTICE,
    }


def _study(hospital: Hospital, planned: Study, who: Identity) -> dict[str, Any]:
    seed, day = hospital.seed, planned.acquired.strftime("%Y%m%d")
    moment, visit = planned.acquired.strftime("%H%M%S"), (planned.patient, planned.visit)
    return {
        "SOPClassUID": DigitalXRayImageStorageForPresentation,
        "SOPInstanceUID": instance_uid(seed, planned),
        "StudyInstanceUID": uid(seed, "study", *visit),
        "SeriesInstanceUID": uid(seed, "series", *visit),
        "FrameOfReferenceUID": uid(seed, "frame", *visit),
        "PositionReferenceIndicator": "",
        "StudyID": f"{planned.patient}-{planned.visit}",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "AcquisitionNumber": 1,
        "StudyDate": day,
        "SeriesDate": day,
        "AcquisitionDate": day,
        "ContentDate": day,
        "StudyTime": moment,
        "SeriesTime": moment,
        "AcquisitionTime": moment,
        "ContentTime": moment,
        "AccessionNumber": who.accession,
        "ReferringPhysicianName": who.physician,
        "StudyDescription": "Simulated chest radiograph",
        "SeriesDescription": f"Chest {planned.view}",
        "Modality": "DX",
        "PresentationIntentType": "FOR PRESENTATION",
    }


def _equipment(planned: Study, who: Identity) -> dict[str, Any]:
    unit = planned.scanner
    return {
        "Manufacturer": unit.manufacturer,
        "ManufacturerModelName": unit.model,
        "SoftwareVersions": unit.software,
        "StationName": unit.station,
        "DeviceSerialNumber": uid(unit.station)[-12:],
        "InstitutionName": planned.site.name,
        "InstitutionAddress": "1 Sievert Close, Simulatown",
        "OperatorsName": who.operator,
    }


def _private(planned: Study, who: Identity) -> dict[int, tuple[str, Any]]:
    """What vendors hide in private groups: a name, and how the picture was made."""
    unit = planned.scanner
    return {
        PRIVATE_GROUP << 16 | 0x0010: ("LO", f"{unit.manufacturer.upper()} 1.0"),
        PRIVATE_GROUP << 16 | 0x1001: ("LO", f"processed for {who.name}"),
        PRIVATE_GROUP << 16 | 0x1002: ("DS", f"{unit.processing.contrast:.2f}"),
    }


def _acquisition(planned: Study, film: Radiograph) -> dict[str, Any]:
    charge = film.exposure.counts * MAS_PER_COUNT * (film.source_to_image / 1830) ** 2
    code = ("399348003", "antero-posterior") if planned.view == "AP" else ("272479007", "postero-anterior")
    time = 8 if not planned.scanner.portable else 20
    return {
        "KVP": f"{planned.kvp:.0f}",
        "ExposureTime": time,
        "Exposure": max(1, round(charge)),
        "ExposureInuAs": max(1, round(1000 * charge)),
        "XRayTubeCurrent": max(1, round(1000 * charge / time)),
        "DistanceSourceToDetector": f"{film.source_to_image:.0f}",
        "FocalSpots": f"{film.exposure.focus:.1f}",
        "Grid": "NONE" if planned.scanner.grid > 0.45 else "FOCUSED",
        "ImagerPixelSpacing": [f"{film.pitch:.5f}"] * 2,
        "DetectorElementSpacing": [f"{film.pitch:.5f}"] * 2,
        "DetectorType": "SCINTILLATOR",
        "DetectorActiveShape": "RECTANGLE",
        "PositionerType": "NONE",
        "ViewPosition": planned.view,
        "BodyPartExamined": "CHEST",
        "ImageLaterality": "U",
        "PatientOrientation": ["L", "F"],
        "AcquisitionContextSequence": [],
        "AnatomicRegionSequence": [_code("43799004", "Chest")],
        "ViewCodeSequence": [_code(*code)],
    }


def _code(value: str, meaning: str) -> dict[str, Any]:
    return {"CodeValue": value, "CodingSchemeDesignator": "SCT", "CodeMeaning": meaning}


def _image(planned: Study, film: Radiograph) -> dict[str, Any]:
    inverse = planned.scanner.monochrome1
    return {
        "ImageType": ["DERIVED", "PRIMARY"],
        "ImageComments": NOTICE,
        "DerivationDescription": "Simulated by physics; not of any patient",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME1" if inverse else "MONOCHROME2",
        "PresentationLUTShape": "INVERSE" if inverse else "IDENTITY",
        "PixelIntensityRelationship": "LOG",
        "PixelIntensityRelationshipSign": 1 if inverse else -1,
        "Rows": film.pixels.shape[0],
        "Columns": film.pixels.shape[1],
        "BitsAllocated": 16,
        "BitsStored": BITS_STORED,
        "HighBit": BITS_STORED - 1,
        "PixelRepresentation": 0,
        "RescaleIntercept": "0",
        "RescaleSlope": "1",
        "RescaleType": "US",
        "WindowCenter": f"{(DEEPEST + 1) // 2}",
        "WindowWidth": f"{DEEPEST + 1}",
        "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00",
        "PixelData": film.pixels.astype("<u2", copy=False).tobytes(),
    }
