"""One planted patient: visits, objects of six modalities, and identity wherever a file can hold one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from hashlib import sha256

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from radloop.sections.intake import Deidentify
from radloop.selftest.invented import Identity
from radloop.selftest.key import Action
from radloop.selftest.pictures import COLUMNS, ROWS, shades, write_on
from radloop.selftest.planting import Planter

#: Storage SOP classes by modality (PS3.4 B.5); SC is told as OT, as secondary captures are.
CLASSES = {
    "DX": "1.2.840.10008.5.1.4.1.1.1.1.1", "CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4",
    "PT": "1.2.840.10008.5.1.4.1.1.128", "US": "1.2.840.10008.5.1.4.1.1.6.1", "OT": "1.2.840.10008.5.1.4.1.1.7",
}  # fmt: skip
PER_VISIT = 3
SWEEP = 7  # every how-manieth row of the table one file holds
_PHYSICS = {
    "DX": {"KVP": "120", "ImagerPixelSpacing": "0.15\\0.15", "ViewPosition": "PA", "ImageLaterality": "L"},
    "CT": {"KVP": "100", "PixelSpacing": "0.7\\0.7", "ConvolutionKernel": "B30f", "SliceThickness": "1.5"},
    "MR": {"EchoTime": "4.2", "RepetitionTime": "550", "PixelSpacing": "0.9\\0.9", "SequenceName": "tse2d"},
    "PT": {"Units": "BQML", "PixelSpacing": "4.1\\4.1", "DecayCorrection": "START", "SliceThickness": "3"},
    "US": {"BitsStored": ""}, "OT": {"ConversionType": "WSD"},
}  # fmt: skip


def plant_patient(seed: int, patient: int, knobs: Deidentify) -> Iterator[tuple[str, bytes, list[Action]]]:
    """Path, bytes and required actions of each file of one patient."""
    who = Identity(seed, patient)
    for visit in range(2 if patient % 3 == 0 else 1):
        modality = list(CLASSES)[(patient + visit) % len(CLASSES)]
        for place in range(PER_VISIT):
            file = f"{who.words['family']}_{who.number}/{who.day(visit):%Y-%m-%d}/IM{place:05d}_{who.words['given']}"
            actions: list[Action] = []
            planter = Planter(Dataset(), who, file, knobs, actions)
            identify(planter, visit, place, modality)
            _equip(planter, modality)
            annotate(planter, visit)
            nest(planter, visit, place)
            hide(planter)
            planter.sweep(patient * PER_VISIT + visit + place, SWEEP, f"{who.day(visit):%Y%m%d}")
            _draw(planter, visit, place, modality)
            yield file, part10(planter.data, who, (patient + place) % 5), actions


def identify(planter: Planter, visit: int, place: int, modality: str) -> None:
    """Whose object it is, of which visit, and its UIDs and days."""
    who, day = planter.who, f"{planter.who.day(visit):%Y%m%d}"
    planter.plain(SpecificCharacterSet=list(who.charset), SOPClassUID=CLASSES[modality])
    planter.uid("SOPInstanceUID", who.uid(1, visit, place))
    planter.uid("StudyInstanceUID", who.uid(2, visit))
    planter.uid("SeriesInstanceUID", who.uid(3, visit))
    planter.uid("FrameOfReferenceUID", who.uid(4, visit))
    planter.plain(PatientName=f"{who.name}={who.native}" if who.charset[0] == "" else f"{who.name}^{who.native}")
    for token in (who.words["family"], who.words["given"], who.native):
        planter.ask(0x00100010, "text_removed", token)
    planter.secrets(PatientID=who.number)
    planter.ask(0x00100020, "patid_consistent", who.number)
    for tag in (0x00100010, 0x00100020):
        planter.ask(tag, "text_notnull", "")
    planter.secrets(
        PatientBirthDate=f"{who.born:%Y%m%d}", AccessionNumber=who.accession,
        ReferringPhysicianName=f"{who.words['physician']}^{who.words['operator']}",
        InstitutionName=who.words["hospital"],
        PatientAddress=f"{who.words['street']} 7", PatientTelephoneNumbers=who.telephone,
        OperatorsName=who.words["operator"], OtherPatientIDs=who.number,
    )  # fmt: skip
    for tag in (0x00100030, 0x00080050, 0x00080090):
        planter.ask(tag, "tag_retained", "")
    for tag in (0x00080020, 0x00080021, 0x00080022, 0x00080023):
        planter.day(tag, "DA", day)
    planter.kept(StudyTime="101112", Modality=modality, InstanceNumber=str(place + 1))
    age = who.day(visit).year - who.born.year - 1
    planter.plain(PatientAge=f"{age:03d}Y")
    planter.ask(0x00101010, "text_retained", f"{age:03d}Y", "090Y" if age > 89 else f"{age:03d}Y")
    planter.kept(PatientSex="FM"[who.patient % 2], PatientWeight="71.5", PatientSize="1.71")


def _equip(planter: Planter, modality: str) -> None:
    planter.kept(
        Manufacturer="Acme Imaging", ManufacturerModelName="Ray 2", StationName="ROOM7", DeviceSerialNumber="SN4711",
        BodyPartExamined="CHEST", **{name: value for name, value in _PHYSICS[modality].items() if value},
    )  # fmt: skip


def annotate(planter: Planter, visit: int) -> None:
    """Free text of all kinds, with names between the words of radiology."""
    who = planter.who
    tokens = (who.words["family"], who.telephone, who.email, who.words["physician"], f"{who.day(visit):%d.%m.%Y}")
    note = f"Chest left, für {tokens[0]}" if who.charset == ("ISO_IR 100",) else f"Chest left, {tokens[0]} {who.native}"
    planter.secret(0x00081030, "LO", note, (who.words["family"],), ("chest", "left"))
    planter.secret(0x0008103E, "LO", f"axial {who.words['relative']} lung", (who.words["relative"],), ("axial", "lung"))
    planter.secret(0x00104000, "LT", " ; ".join(("call", *tokens)) + " right knee", tokens, ("right", "knee"))
    planter.secret(0x00181400, "LO", f"for {who.words['given']}", (who.words["given"],))
    if who.patient % 20 == 4:
        planter.secret(0x00181020, "LO", f"VB40 {who.words['engineer']}", (who.words["engineer"],))
        planter.ask(0x00181020, "text_retained", "VB40", "VB40")


def nest(planter: Planter, visit: int, place: int) -> None:
    """Identity several levels deep, references that must still lead somewhere, codes that must stay."""
    who = planter.who
    other = planter.item("ReferencedImageSequence", stays=True)
    other.plain(ReferencedSOPClassUID=planter.data.SOPClassUID)
    other.uid("ReferencedSOPInstanceUID", who.uid(1, visit, (place + 1) % PER_VISIT))
    region = planter.item("AnatomicRegionSequence", stays=True)
    region.kept(CodeValue="51185008", CodingSchemeDesignator="SCT")
    region.secret(0x00080104, "LO", f"Chest of {who.words['family']}", (who.words["family"],))
    side = region.item("AnatomicRegionModifierSequence", stays=True)
    side.kept(CodeValue="7771000", CodingSchemeDesignator="SCT", CodeMeaning="Left")
    side.secrets(RequestingPhysician=who.words["physician"])
    step = planter.item("RequestAttributesSequence", stays=True)
    step.secret(0x00400007, "LO", f"lung {who.words['family']}", (who.words["family"],), ("lung",))
    level = step
    for _ in range(3 + 3 * (place == 2)):
        level = level.item("RequestAttributesSequence", stays=False)
        level.secrets(PatientName=who.name, PatientID=who.number, RequestingService=who.words["relative"])


def hide(planter: Planter) -> None:
    """Private data, an overlay and padding."""
    who, data = planter.who, planter.data
    block = data.private_block(0x0029, f"ACME {who.words['family']}", create=True)
    block.add_new(0x01, "LO", who.name)
    block.add_new(0x02, "UT", f"tel {who.telephone}")
    planter.ask(0x00290010, "text_removed", who.words["family"])
    planter.ask(0x00291001, "text_removed", who.name)
    planter.ask(0x00291002, "text_removed", who.telephone)
    planter.secret(0x60003000, "OW", who.words["family"].encode() + b" ", (who.words["family"],))  # type: ignore[arg-type]
    planter.secret(0xFFFCFFFC, "OB", who.words["relative"].encode() + b" ", (who.words["relative"],))  # type: ignore[arg-type]


def _draw(planter: Planter, visit: int, place: int, modality: str) -> None:
    who, data = planter.who, planter.data
    picture, written = shades(who.seed, who.patient, visit, place), place == 2
    wears = modality in ("US", "OT")
    declared = written and modality == "DX" and who.patient % 12 < 6
    if written:
        picture, box = write_on(picture, f"{who.words['family']}\n{who.number}\n{who.day(visit):%d.%m.%Y}")
        claimed = wears or declared or planter.knobs.clean_pixel_data not in ("quarantine", "keep")
        planter.ask(0x7FE00010, "pixels_hidden", ",".join(map(str, box)), beyond=not claimed)
        if declared:
            planter.plain(BurnedInAnnotation="YES")
        if modality == "US" and who.patient % 4 == 0:
            _tell_region(planter)
    else:
        planter.ask(0x7FE00010, "pixels_retained", "", sha256(picture.tobytes()).hexdigest())
        planter.plain(BurnedInAnnotation="NO")
    planter.plain(
        Rows=ROWS, Columns=COLUMNS, SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", BitsAllocated=16,
        BitsStored=12, HighBit=11, PixelRepresentation=0,
    )  # fmt: skip
    data.add_new(0x7FE00010, "OW", picture.tobytes())


def _tell_region(planter: Planter) -> None:
    """Where echoes are shown (PS3.3 C.8.5.5): the last quarter, beside the text, so that it can be cleaned."""
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 3 * COLUMNS // 4, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = COLUMNS - 1, ROWS - 1
    region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection = 3, 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, 0.02
    planter.put(0x00186011, "SQ", Sequence([region]))


def part10(data: Dataset, who: Identity, turn: int) -> bytes:
    """The file, in one of three transfer syntaxes, with names before and in its meta information."""
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if turn == 1 else ExplicitVRLittleEndian
    data.file_meta.SourceApplicationEntityTitle = who.words["hospital"]
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    if turn == 2:
        data.compress(RLELossless, generate_instance_uid=False)
    data.preamble = who.words["family"].encode().ljust(128, b"\0")
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()
