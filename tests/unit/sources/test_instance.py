"""One file becomes one record that tells what the file told, and nothing of who it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta

import numpy as np
import pytest
from pydicom.dataset import Dataset

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import StudyRejected
from radloop.files import sha256
from radloop.sources import read_instance
from radloop.sources.instance import pixel_sha256

Film = Callable[..., Dataset]
FileOf = Callable[[Dataset], bytes]


def test_a_record_tells_what_the_header_tells(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    record = read_instance(file_of(film()), pseudonyms, source="here").record
    assert (record.source, record.content_type, record.modality) == ("here", "application/dicom", "DX")
    assert (record.sex, record.age, record.view, record.body_part) == ("F", 63.0, "PA", "CHEST")
    assert (record.manufacturer, record.model_name, record.software) == ("Acme", "Ray 2", "1.0; b")
    assert (record.kvp, record.exposure, record.pixel_spacing) == (120.0, 2.5, 0.14)
    assert record.acquired_on == date(2024, 3, 2) - timedelta(pseudonyms.days_back("MRN-4711"))
    assert (record.rows, record.columns, record.bits_stored) == (12, 10, 12)
    assert record.findings is None


def test_the_true_day_goes_with_the_arrival_and_not_into_its_record(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    arrival = read_instance(file_of(film()), pseudonyms)
    assert arrival.day == date(2024, 3, 2)
    assert arrival.day not in asdict(arrival.record).values()


def test_the_side_of_an_image_outlives_deidentification(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    sides = [{}, {"ImageLaterality": "L"}, {"Laterality": "R"}, {"Laterality": "R", "ImageLaterality": "L"}]
    records = [read_instance(file_of(film(f"1.2.3.{n}", **told)), pseudonyms).record for n, told in enumerate(sides)]
    assert [record.laterality for record in records] == [None, "L", "R", "other"]


def test_what_a_header_does_not_tell_is_missing(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    untold = ("PatientSex", "PatientBirthDate", "PatientAge", "ViewPosition", "Manufacturer", "KVP", "ExposureInuAs")
    record = read_instance(file_of(film(InstitutionName=None, **dict.fromkeys(untold))), pseudonyms).record
    told = (record.sex, record.age, record.view, record.manufacturer, record.kvp, record.exposure, record.site)
    assert told == (None,) * 7


def test_no_planted_identifier_is_in_a_record(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms, planted: tuple[str, ...]
) -> None:
    facts = str(asdict(read_instance(file_of(film()), pseudonyms).record))
    assert [word for word in planted if word in facts] == []


@pytest.mark.parametrize(
    ("changes", "mas"),
    [
        ({"Exposure": "7", "ExposureInuAs": None}, 7.0),
        ({"ExposureInuAs": None, "XRayTubeCurrent": "200", "ExposureTime": "10"}, 2.0),
        ({"ExposureInuAs": "0"}, None),
    ],
)
def test_exposure_is_taken_in_mas_from_whatever_tells_it(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms, changes: dict[str, str | None], mas: float | None
) -> None:
    present = {key: value for key, value in changes.items() if value is not None or key in film()}
    assert read_instance(file_of(film(**present)), pseudonyms).record.exposure == mas


@pytest.mark.parametrize(("text", "years"), [("018M", 1.5), ("010D", 0.027), ("45", 45.0), ("045Y", 45.0)])
def test_ages_are_years(film: Film, file_of: FileOf, pseudonyms: Pseudonyms, text: str, years: float) -> None:
    assert read_instance(file_of(film(PatientAge=text)), pseudonyms).record.age == years


def test_hashes_are_those_of_what_is_stored(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    pixels = np.arange(120, dtype="<u2").reshape(12, 10)
    arrival = read_instance(file_of(film(pixels=pixels)), pseudonyms)
    assert arrival.record.sha256 == sha256(arrival.content)
    assert arrival.record.pixel_sha256 == pixel_sha256(pixels)


def test_equal_pixels_of_two_instances_have_one_pixel_hash(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    pixels = np.ones((12, 10), "<u2")
    first, second = (read_instance(file_of(film(uid=uid, pixels=pixels)), pseudonyms).record for uid in ("1.2", "1.3"))
    assert first.pixel_sha256 == second.pixel_sha256
    assert len({first.instance_uid, second.instance_uid, first.record_id, second.record_id}) == 4


def test_a_png_is_a_patient_of_its_own(png_of: Callable[..., bytes], pseudonyms: Pseudonyms) -> None:
    pixels = np.arange(100, dtype=np.uint8).reshape(10, 10)
    first, again = (read_instance(png_of(pixels), pseudonyms).record for _ in range(2))
    other = read_instance(png_of(pixels + 1), pseudonyms).record
    assert first == again
    assert first.patient_id != other.patient_id
    assert (first.modality, first.body_part, first.view, first.sex) == (None,) * 4


def test_a_file_of_another_kind_is_refused(pseudonyms: Pseudonyms) -> None:
    with pytest.raises(StudyRejected, match="neither DICOM nor PNG"):
        read_instance(b"GIF89a", pseudonyms)


def test_a_ct_keeps_its_modality_for_the_use_case_to_refuse(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    assert read_instance(file_of(film(Modality="CT")), pseudonyms).record.modality == "CT"
