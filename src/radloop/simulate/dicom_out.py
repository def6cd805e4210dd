"""Write a SIMULATED study as a valid DICOM Digital X-Ray image, identity and all.

Source: DICOM PS3.3 A.26 (Digital X-Ray Image IOD) and its modules in C.8.11.
"""

from io import BytesIO

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from radloop.simulate.identities import Identity, identity, uid
from radloop.simulate.knobs import Hospital
from radloop.simulate.population import Study
from radloop.simulate.processing import BITS_STORED, DEEPEST
from radloop.simulate.radiograph import Radiograph

NOTICE = "SIMULATED image of a person who does not exist"
PRIVATE_GROUP = 0x0019
MAS_PER_COUNT = 6.0e-4


def instance_uid(seed: int, index: int) -> str:
    """The SOP Instance UID of the study `index`, known before it is simulated."""
    return uid(seed, "instance", index)


def dicom_bytes(hospital: Hospital, planned: Study, film: Radiograph) -> bytes:
    """One Part 10 file, Explicit VR Little Endian, uncompressed: the same bytes for the same study."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = UID(instance_uid(hospital.seed, planned.index))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(uid("implementation"))
    meta.ImplementationVersionName = "RADLOOP_SIM"
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    who = identity(hospital.seed, planned)
    _patient(data, planned, who)
    _study(data, hospital, planned, who)
    _equipment(data, planned, who)
    _acquisition(data, planned, film)
    _image(data, planned, film)
    stream = BytesIO()
    data.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _patient(data: Dataset, planned: Study, who: Identity) -> None:
    data.PatientName = who.name
    data.PatientID = who.number
    data.PatientBirthDate = planned.born.strftime("%Y%m%d")
    data.PatientSex = planned.sex
    data.PatientAge = f"{int(planned.age):03d}Y"
    data.PatientAddress = who.address
    data.PatientTelephoneNumbers = who.telephone
    data.PatientComments = NOTICE


def _study(data: Dataset, hospital: Hospital, planned: Study, who: Identity) -> None:
    seed, day = hospital.seed, planned.acquired.strftime("%Y%m%d")
    moment = planned.acquired.strftime("%H%M%S")
    data.SOPClassUID = DigitalXRayImageStorageForPresentation
    data.SOPInstanceUID = instance_uid(seed, planned.index)
    data.StudyInstanceUID = uid(seed, "study", planned.index)
    data.SeriesInstanceUID = uid(seed, "series", planned.index)
    data.FrameOfReferenceUID = uid(seed, "frame", planned.index)
    data.StudyID = str(planned.index)
    data.SeriesNumber = data.InstanceNumber = data.AcquisitionNumber = 1
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = data.ContentDate = day
    data.StudyTime = data.SeriesTime = data.AcquisitionTime = data.ContentTime = moment
    data.AccessionNumber = who.accession
    data.ReferringPhysicianName = who.physician
    data.StudyDescription = "Simulated chest radiograph"
    data.SeriesDescription = f"Chest {planned.view}"
    data.Modality = "DX"
    data.PresentationIntentType = "FOR PRESENTATION"


def _equipment(data: Dataset, planned: Study, who: Identity) -> None:
    unit = planned.scanner
    data.Manufacturer = unit.manufacturer
    data.ManufacturerModelName = unit.model
    data.SoftwareVersions = unit.software
    data.StationName = unit.station
    data.DeviceSerialNumber = uid(unit.station)[-12:]
    data.InstitutionName = planned.site.name
    data.InstitutionAddress = "1 Sievert Close, Simulatown"
    data.OperatorsName = who.operator
    block = data.private_block(PRIVATE_GROUP, f"{unit.manufacturer.upper()} 1.0", create=True)
    block.add_new(0x01, "LO", f"processed for {who.name}")
    block.add_new(0x02, "DS", f"{unit.processing.contrast:.2f}")


def _acquisition(data: Dataset, planned: Study, film: Radiograph) -> None:
    charge = film.exposure.counts * MAS_PER_COUNT * (film.source_to_image / 1830) ** 2
    time = 8 if not planned.scanner.portable else 20
    data.KVP = f"{planned.kvp:.0f}"
    data.ExposureTime = time
    data.Exposure = max(1, round(charge))
    data.ExposureInuAs = max(1, round(1000 * charge))
    data.XRayTubeCurrent = max(1, round(1000 * charge / time))
    data.DistanceSourceToDetector = f"{film.source_to_image:.0f}"
    data.FocalSpots = f"{film.exposure.focus:.1f}"
    data.Grid = "NONE" if planned.scanner.grid > 0.45 else "FOCUSED"
    data.ImagerPixelSpacing = data.DetectorElementSpacing = [f"{film.pitch:.5f}"] * 2
    data.DetectorType = "SCINTILLATOR"
    data.DetectorActiveShape = "RECTANGLE"
    data.PositionerType = "NONE"
    data.ViewPosition = planned.view
    data.BodyPartExamined = "CHEST"
    data.ImageLaterality = "U"
    data.PatientOrientation = ["L", "F"]
    data.AcquisitionContextSequence = Sequence()
    data.AnatomicRegionSequence = Sequence([_code("43799004", "SCT", "Chest")])
    code = ("399348003", "antero-posterior") if planned.view == "AP" else ("272479007", "postero-anterior")
    data.ViewCodeSequence = Sequence([_code(code[0], "SCT", code[1])])


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _image(data: Dataset, planned: Study, film: Radiograph) -> None:
    inverse = planned.scanner.monochrome1
    data.ImageType = ["DERIVED", "PRIMARY"]
    data.ImageComments = NOTICE
    data.DerivationDescription = "Simulated by physics; not of any patient"
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME1" if inverse else "MONOCHROME2"
    data.PresentationLUTShape = "INVERSE" if inverse else "IDENTITY"
    data.PixelIntensityRelationship = "LOG"
    data.PixelIntensityRelationshipSign = 1 if inverse else -1
    data.Rows, data.Columns = film.pixels.shape
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, BITS_STORED, BITS_STORED - 1
    data.PixelRepresentation = 0
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = "0", "1", "US"
    data.WindowCenter, data.WindowWidth = f"{(DEEPEST + 1) // 2}", f"{DEEPEST + 1}"
    data.BurnedInAnnotation = "NO"
    data.LossyImageCompression = "00"
    data.PixelData = film.pixels.astype("<u2", copy=False).tobytes()
