"""Regions to an RTSTRUCT that points at the images of its volume.

Source: PS3.3 A.19 (RT Structure Set IOD), C.8.8.5, C.8.8.6, C.8.8.8 (RT ROI Observations).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from radloop.dicom.read import text, whole
from radloop.dicom.structures import Structure, slice_of
from radloop.dicom.uids import content_uid
from radloop.dicom.volume import Volume

_FROM_SOURCE = ("SpecificCharacterSet", "StudyInstanceUID")
#: Type 2: empty where the source has none.
_FROM_SOURCE_OR_EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName",
    "StudyID", "AccessionNumber", "PositionReferenceIndicator",
)  # fmt: skip
_STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"  # retired, and still the only value that RT systems know for a study


def structure_set(structures: Sequence[Structure], volume: Volume, image: Dataset) -> Dataset:
    """An RTSTRUCT of regions on the volume's slices; patient and study are those of `image`, one of its images.

    Equal input gives equal bytes: UIDs are made from the content, dates are left empty. Raises StudyRejected where
    a region has no place on the volume, or the volume does not know its images.
    """
    volume.require_sources(image)
    result = Dataset()
    for keyword in (*_FROM_SOURCE, *_FROM_SOURCE_OR_EMPTY):
        if keyword in image:
            result[keyword] = image[keyword]
        elif keyword in _FROM_SOURCE_OR_EMPTY:
            setattr(result, keyword, "")
    result.Modality, result.SOPClassUID = "RTSTRUCT", RTStructureSetStorage
    result.SeriesInstanceUID = content_uid("RTSTRUCT series", _content(structures, volume))
    result.SOPInstanceUID = content_uid("RTSTRUCT", _content(structures, volume))
    result.SeriesNumber = result.InstanceNumber = "1"
    result.Manufacturer, result.OperatorsName = "radloop", ""
    result.StructureSetLabel = "radloop"
    result.StructureSetDate = result.StructureSetTime = ""
    result.FrameOfReferenceUID = volume.frame_of_reference
    result.ReferencedFrameOfReferenceSequence = [_frame(volume, image)]
    result.StructureSetROISequence = [_region(structure) for structure in structures]
    result.ROIContourSequence = [_contours(structure, volume, image) for structure in structures]
    result.RTROIObservationsSequence = [_observation(structure) for structure in structures]
    result.ApprovalStatus = "UNAPPROVED"
    _declare(result)
    return result


def _content(structures: Sequence[Structure], volume: Volume) -> Iterator[bytes]:
    yield str([astuple(source) for source in volume.sources]).encode()
    for structure in structures:
        yield f"{structure.number}\0{structure.name}".encode()
        yield from (contour.tobytes() for contour in structure.contours)


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _image(volume: Volume, k: int, image: Dataset) -> Dataset:
    source = volume.sources[k]
    item = _item(ReferencedSOPClassUID=text(image, "SOPClassUID"), ReferencedSOPInstanceUID=source.instance)
    if whole(image, "NumberOfFrames", 1) > 1:
        item.ReferencedFrameNumber = source.frame
    return item


def _frame(volume: Volume, image: Dataset) -> Dataset:
    series = _item(
        SeriesInstanceUID=text(image, "SeriesInstanceUID"),
        ContourImageSequence=[_image(volume, k, image) for k in range(len(volume.sources))],
    )
    study = _item(
        ReferencedSOPClassUID=_STUDY_CLASS,
        ReferencedSOPInstanceUID=text(image, "StudyInstanceUID"),
        RTReferencedSeriesSequence=[series],
    )
    return _item(FrameOfReferenceUID=volume.frame_of_reference, RTReferencedStudySequence=[study])


def _region(structure: Structure) -> Dataset:
    return _item(
        ROINumber=structure.number,
        ReferencedFrameOfReferenceUID=structure.frame_of_reference,
        ROIName=structure.name,
        ROIGenerationAlgorithm="",
    )


def _contours(structure: Structure, volume: Volume, image: Dataset) -> Dataset:
    items = []
    for contour in structure.contours:
        k, _ = slice_of(contour, volume, structure.number)
        items.append(
            _item(
                ContourImageSequence=[_image(volume, k, image)],
                ContourGeometricType="CLOSED_PLANAR",
                NumberOfContourPoints=len(contour),
                ContourData=[f"{value:.4f}" for value in contour.ravel()],
            )
        )
    return _item(ReferencedROINumber=structure.number, ContourSequence=items)


def _observation(structure: Structure) -> Dataset:
    return _item(
        ObservationNumber=structure.number,
        ReferencedROINumber=structure.number,
        RTROIInterpretedType="",
        ROIInterpreter="",
    )


def _declare(result: Dataset) -> None:
    result.file_meta = FileMetaDataset()
    result.file_meta.MediaStorageSOPClassUID = result.SOPClassUID
    result.file_meta.MediaStorageSOPInstanceUID = result.SOPInstanceUID
    result.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
