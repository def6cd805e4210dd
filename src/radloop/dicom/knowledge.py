"""What PS3.6 says of a standard attribute, looked up once, and what we keep beyond the table of PS3.15."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from pydicom.datadict import dictionary_has_tag, dictionary_VM, dictionary_VR, tag_for_keyword

from radloop.dicom.forms import STRINGS

CHARACTER_SET, PATIENT_ID, INSTITUTION = 0x00080005, 0x00100020, 0x00080080
TIMEZONE = 0x00080201
LUT_DATA, LUT_DESCRIPTOR = 0x00283006, 0x00283002
#: Data of look-up tables and what describes each: the grey ones of PS3.3 C.11.1, the colours of C.7.9.
COLOUR_TABLES = tuple(0x00281201 + at for at in range(3))
TABLES = {LUT_DATA: LUT_DESCRIPTOR, **{table: table - 0x100 for table in COLOUR_TABLES}}
LUT_LABEL = 0x00409210  # of a real world value mapping, which must have one (PS3.3 C.7.6.16.2.11)
STACK, IN_STACK = 0x00209056, 0x00209057  # neither without the other (PS3.3 C.7.6.16.2.2)
BY_PLACE = frozenset((0x52009230,))  # the n-th item is of the n-th frame, so an empty one stays (PS3.3 C.7.6.16)
PIXELS = 0x7FE0  # the group of pixel data; what follows is padding
_WORDS_AND_NUMBERS = ({"US", "SS"}, {"UL", "SL"}, {"OB", "OW", "US", "SS"})
MOST = 1 << 16  # values of an attribute that may have any number of them

#: Free text that Table E.1-1 does not name and that names a device, a technique or a code, not a person.
_DEVICE_TEXT = """
    Manufacturer ManufacturerModelName ManufacturerModelVersion SoftwareVersions ConvolutionKernel FilterType
    DetectorManufacturerName DetectorManufacturerModelName SequenceName PulseSequenceName ImagedNucleus
    ReceiveCoilName TransmitCoilName ReceiveCoilManufacturerName TransmitCoilManufacturerName RescaleType
    ModalityLUTType CodeValue CodingSchemeDesignator CodingSchemeVersion Radiopharmaceutical ContrastBolusRoute
    RadiopharmaceuticalRoute ImageFilter PlateType PhosphorType AttenuationCorrectionMethod ReconstructionMethod
    ScatterCorrectionMethod AcquisitionDeviceProcessingCode ProcessingFunction AcquisitionMode TypeOfFilters
    ApplicationName ApplicationVersion ApplicationManufacturer SecondaryCaptureDeviceManufacturer
    SecondaryCaptureDeviceManufacturerModelName SecondaryCaptureDeviceSoftwareVersions
"""
KEPT_TEXT = frozenset(tag_for_keyword(keyword) for keyword in _DEVICE_TEXT.split())

#: Attributes that Table E.1-1 does not name and that are Type 2 in images (PS3.3): empty is valid, absent is not.
_TYPE_2 = """
    PositionReferenceIndicator AcquisitionContextSequence RadiopharmaceuticalInformationSequence
    RadionuclideCodeSequence PatientOrientationCodeSequence PatientGantryRelationshipCodeSequence
    SourceImageSequence DerivationImageSequence
"""
EMPTIED = frozenset(tag_for_keyword(keyword) for keyword in _TYPE_2.split())


class Known(NamedTuple):
    """VR and the most values that an attribute may have."""

    vr: str
    most: int


@cache
def known(tag: int, signed: bool) -> Known | None:
    """The VR of a standard attribute in an image of `signed` or unsigned pixels; None where PS3.6 has none."""
    if not dictionary_has_tag(tag):
        return None
    vr, several = dictionary_VR(tag), dictionary_VM(tag).rpartition("-")[2]
    return Known(_chosen(tag, vr, signed), int(several) if several.isdigit() else MOST)


def fits(told: str, vr: str) -> bool:
    """Whether bytes that a file calls `told` can be read as `vr`; implicit files tell none, some write UN."""
    if told == vr or vr == "UN":
        return True
    if told in ("", "UN"):
        return vr != "SQ"
    return (told in STRINGS and vr in STRINGS) or any({told, vr} <= kinds for kinds in _WORDS_AND_NUMBERS)


def _chosen(tag: int, vr: str, signed: bool) -> str:
    if " or " not in vr:
        return vr
    if tag == LUT_DATA:
        return "OW"
    if tag not in TABLES.values() and signed and vr.startswith("US or SS"):
        return "SS"
    return "US" if "US" in vr else "OW"
