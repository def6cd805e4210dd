"""Series and masks through a snapshot to their verdicts, as validate judges them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from copy import deepcopy
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
)

from radloop.catalog import admit, read_catalog, read_quarantine
from radloop.dicom.segmentation import segmentation
from radloop.dicom.segments import Segment
from radloop.dicom.series import series_volume
from radloop.dicom.structure_set import structure_set
from radloop.dicom.structures import mask_structure
from radloop.files import sha256
from radloop.params import UseCase
from radloop.quality.series import survey_series
from radloop.quality.survey import survey
from radloop.quality.verdicts import Verdicts, judge_snapshot
from radloop.records import Arrival, Record
from radloop.sources.instance import described

CLASSES = {"CT": CTImageStorage, "MR": MRImageStorage, "PT": PositronEmissionTomographyImageStorage}
SHAPE = (12, 10)
TISSUE = ("123037004", "SCT", "Anatomical Structure"), ("85756007", "SCT", "Tissue")
BALL = np.zeros((SHAPE[1], SHAPE[0], 6), bool)
BALL[3:7, 4:8, 1:5] = True
Judge = Callable[..., Verdicts]
NUMBERS = count()


def stack(modality: str, key: str = "1") -> list[Dataset]:
    """A body in air, six slices of 2.5 mm; `key` names the series and its noise."""
    return [_slice(modality, at, key) for at in range(6)]


def _slice(modality: str, at: int, key: str) -> Dataset:
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPClassUID, one.SOPInstanceUID, one.Modality = CLASSES[modality], f"2.25.{key}.{at}", modality
    one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = "2.25.7", f"2.25.8.{key}", f"2.25.9.{key}"
    one.PatientID, one.PatientName, one.PatientBirthDate, one.PatientSex = "p", "", "", "F"
    one.StudyDate, one.StudyTime, one.StudyID, one.AccessionNumber = "20260101", "120000", "", ""
    one.ReferringPhysicianName, one.SeriesNumber, one.InstanceNumber = "", 1, at + 1
    one.ImageType, one.BodyPartExamined = ["ORIGINAL", "PRIMARY", "AXIAL"], "CHEST"
    one.ImagePositionPatient, one.ImageOrientationPatient = [0, 0, 2.5 * at], [1, 0, 0, 0, 1, 0]
    one.PixelSpacing, one.SliceThickness, (one.Rows, one.Columns) = ["0.7", "0.7"], "2.5", SHAPE
    one.SamplesPerPixel, one.PhotometricInterpretation, one.PixelRepresentation = 1, "MONOCHROME2", 0
    one.BitsAllocated, one.BitsStored, one.HighBit = 16, 16, 15
    if modality == "CT":
        one.RescaleSlope, one.RescaleIntercept, one.RescaleType = 1, -1024, "HU"
    if modality == "PT":
        _inject(one)
    pixels = np.random.default_rng([at, int(key)]).integers(0, 40, SHAPE)
    pixels[2:-2, 2:-2] += 1000
    one.add_new("PixelData", "OW", pixels.astype("<u2").tobytes())
    return one


def _inject(one: Dataset) -> None:
    one.Units, one.CorrectedImage, one.DecayCorrection = "BQML", ["ATTN", "DECY"], "ADMIN"
    one.PatientWeight, one.RescaleSlope, one.RescaleIntercept = "70", "5", "0"
    tracer = Dataset()
    tracer.RadionuclideTotalDose, tracer.RadionuclideHalfLife = "3.7e8", "6588"
    one.RadiopharmaceuticalInformationSequence = [tracer]


def arrival(one: Dataset, **facts: Any) -> Arrival:
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, one, enforce_file_format=True)
    content = stream.getvalue()
    told = {
        **described(one), "source": "test", "content_type": "application/dicom", "sha256": sha256(content),
        "pixel_sha256": sha256(bytes(one.get("PixelData", b""))), "rows": int(one.get("Rows", 0)),
        "columns": int(one.get("Columns", 0)), "bits_stored": int(one.get("BitsStored", 1)), "role": "image",
    }  # fmt: skip
    return Arrival(Record(**{**told, **facts}), content)


def mask(one: Dataset, series: Sequence[Dataset], **facts: Any) -> Arrival:
    uid = series[0].SeriesInstanceUID
    one.SOPInstanceUID = f"2.25.77.{next(NUMBERS)}"
    return arrival(one, **{"role": "mask", "series_id": uid, "of": uid, "patient_id": "p", **facts})


def outlined(drawn: np.ndarray, series: list[Dataset], name: str = "tumour") -> Dataset:
    volume = series_volume(series)
    return structure_set([mask_structure(drawn, volume, 1, name)], volume, series[0])


@pytest.fixture
def judged(tmp_path: Path, case: UseCase) -> Judge:
    """Admit arrivals into a snapshot of a case that takes CT, MR and PET, and judge it."""
    bounds = case.validate_.model_copy(update={"modality": ("CT", "MR", "PT")})
    scans = case.model_copy(update={"validate_": bounds})

    def judge(*arrivals: Arrival) -> Verdicts:
        admit(tmp_path / "d", arrivals)
        catalog = read_catalog(tmp_path / "d")
        films = survey(tmp_path / "d", catalog[catalog["role"] != "mask"].reset_index(drop=True), 1)
        voxels = survey_series(tmp_path / "d", catalog, bounds.modality, 1)
        return judge_snapshot(scans, catalog, films, read_quarantine(tmp_path / "d"), voxels)

    return judge


def images(series: list[Dataset], **facts: Any) -> list[Arrival]:
    return [arrival(one, **facts) for one in series]


def test_sound_series_of_three_modalities_are_accepted_each_by_its_own_suite(judged: Judge) -> None:
    parts = [part for key, name in enumerate(("CT", "MR", "PT")) for part in images(stack(name, key=str(key)))]
    verdicts = judged(*parts)
    assert verdicts.reasons == [[]] * 18
    assert {"ct", "mr", "pt"} <= set(verdicts.judgements) and "films" not in verdicts.judgements
    assert {verdicts.judgements[name].judged for name in ("ct", "mr", "pt")} == {1}


FAULTS: dict[str, tuple[str, Callable[[list[Dataset]], list[Dataset]]]] = {
    "slice_missing": ("CT", lambda series: series[:2] + series[3:]),
    "slices_doubled": ("MR", lambda series: [*series, moved(series[3], series[2])]),
    "geometry_missing": ("MR", lambda series: [without(one, "ImagePositionPatient") for one in series]),
    "localiser_in_series": ("CT", lambda series: [*series[:5], told(series[5], ImageType=["A", "B", "LOCALIZER"])]),
    "unit_contradicts": ("CT", lambda series: [without(one, "RescaleSlope") for one in series]),
    "air_is_not_air": ("CT", lambda series: [told(one, RescaleIntercept=0) for one in series]),
    "values_too_low": ("CT", lambda series: [told(one, RescaleIntercept=-20_000) for one in series]),
    "spacing_too_coarse": ("MR", lambda series: [told(one, PixelSpacing=["70", "70"]) for one in series]),
    "suv_not_computable": ("PT", lambda series: [without(one, "PatientWeight") for one in series]),
    "orientation_mixed": ("CT", lambda series: [*series[:5], told(series[5], PixelSpacing=["0.7", "0.7"], Rows=10)]),
}


def told(one: Dataset, **changes: Any) -> Dataset:
    for keyword, value in changes.items():
        setattr(one, keyword, value)
    return one


def without(one: Dataset, keyword: str) -> Dataset:
    delattr(one, keyword)
    return one


def moved(one: Dataset, to: Dataset) -> Dataset:
    other = deepcopy(one)
    other.SOPInstanceUID, other.ImagePositionPatient = "2.25.99", to.ImagePositionPatient
    return other


def test_a_pet_without_a_weight_has_one_reason_and_not_three(judged: Judge) -> None:
    verdicts = judged(*images([without(one, "PatientWeight") for one in stack("PT")]))
    assert verdicts.reasons == [["suv_not_computable"]] * 6


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_series_is_set_aside_whole_and_its_neighbour_is_not(judged: Judge, fault: str) -> None:
    modality, spoil = FAULTS[fault]
    spoiled = spoil(stack(modality, key="1"))
    verdicts = judged(*images(spoiled), *images(stack(modality, key="2")))
    assert all(fault in why for why in verdicts.reasons[: len(spoiled)])
    assert verdicts.reasons[len(spoiled) :] == [[]] * 6


def test_a_series_of_a_modality_that_is_not_asked_for_is_not_read(judged: Judge, case: UseCase, tmp_path: Path) -> None:
    judged(*images(stack("CT")))
    voxels = survey_series(tmp_path / "d", read_catalog(tmp_path / "d"), case.validate_.modality, 1)
    assert voxels.series.empty


def test_masks_of_both_kinds_are_laid_on_their_series(judged: Judge) -> None:
    series = stack("CT")
    volume = series_volume(series)
    painted = segmentation({1: BALL}, [Segment(1, "tumour", *TISSUE)], volume, series)
    verdicts = judged(*images(series), mask(outlined(BALL, series), series), mask(painted, series))
    assert verdicts.mask_reasons == [[], []]
    assert verdicts.judgements["masks"].judged == 2
    assert (verdicts.summary["masks"], verdicts.summary["masks_accepted"]) == (2, 2)


def test_a_mask_that_cannot_be_trusted_is_set_aside_with_the_reason(judged: Judge) -> None:
    series, twin, gone = stack("CT"), stack("CT", key="2"), stack("CT", key="3")
    empty = outlined(BALL, series)
    del empty.ROIContourSequence
    masks = {
        "mask_empty": mask(empty, series),
        "mask_in_another_frame": mask(outlined(BALL, twin), series),
        "mask_of_no_image": mask(outlined(BALL, gone), gone),
        "mask_of_another_patient": mask(outlined(BALL, series), series, patient_id="q"),
        "mask_altered": mask(outlined(BALL, series, "other"), series, sha256="0" * 64),
    }
    verdicts = judged(*images(series), *images(twin), *masks.values())
    assert [why[:1] for why in verdicts.mask_reasons] == [[name] for name in masks]
    assert {check.name for check in verdicts.checks if not check.holds} >= {"stopping_rows"}


def test_a_mask_outside_of_its_image_is_set_aside(judged: Judge) -> None:
    series = stack("CT")
    far = outlined(BALL, series)
    for contour in far.ROIContourSequence[0].ContourSequence:
        contour.ContourData = [float(value) + 100 * (at % 3 == 0) for at, value in enumerate(contour.ContourData)]
    assert judged(*images(series), mask(far, series)).mask_reasons == [["mask_outside"]]


def test_a_mask_goes_with_its_image_when_that_is_set_aside(judged: Judge) -> None:
    series = stack("CT")
    drawn = outlined(BALL, series)
    verdicts = judged(*images(series[:2] + series[3:]), mask(drawn, series))
    assert verdicts.mask_reasons == [["mask_of_quarantined_image"]]
    assert verdicts.judgements["masks"].broken("warn") == ["mask_not_laid_on_image"]


def test_exact_copies_of_slices_and_of_series_warn(judged: Judge) -> None:
    series, again = stack("MR"), stack("MR")
    for at, one in enumerate(again):
        one.SOPInstanceUID, one.SeriesInstanceUID = f"2.25.55.{at}", "2.25.56"
    verdicts = judged(*images(series), arrival(moved(series[2], series[2])), *images(again))
    assert verdicts.reasons == [[]] * 13
    assert verdicts.summary["warned_by_reason"] == {"slices_repeated": 1, "volume_repeated": 2}
