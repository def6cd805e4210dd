"""What is stored of a file, what is known of it at the gateway alone, and what is quarantined."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, SecondaryCaptureImageStorage, UltrasoundImageStorage

from radloop.dicom.deidentify import deidentify, to_bytes
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_dicom
from radloop.dicom.strip import strip
from radloop.errors import StudyRejected
from radloop.sections.intake import Deidentify

Film = Callable[..., Dataset]
FileOf = Callable[[Dataset], bytes]
KEY = b"a key that only this test knows...."


def under(**knobs: Any) -> Pseudonyms:
    return Pseudonyms(KEY, Profile(Deidentify(**knobs)))


def refusal(content: bytes, pseudonyms: Pseudonyms) -> str | None:
    """The reason for which a file is quarantined, or None where it is not."""
    try:
        strip(content, pseudonyms)
    except StudyRejected as error:
        assert "MRN" not in str(error) and "Zanzibar" not in str(error)
        return error.reason
    return None


def test_the_true_day_is_told_beside_the_file_and_not_in_it(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    stripped = strip(file_of(film()), pseudonyms)
    assert stripped.day == date(2024, 3, 2)
    assert b"20240302" not in stripped.content and b"20240301" not in stripped.content


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"SOPClassUID": UltrasoundImageStorage, "Modality": "US"}, "burned_in_text_unknown"),
        ({"SOPClassUID": SecondaryCaptureImageStorage, "Modality": "DX"}, "burned_in_text_unknown"),
        ({"SOPClassUID": SecondaryCaptureImageStorage, "BurnedInAnnotation": "NO"}, None),
        ({"Modality": "OT"}, "burned_in_text_unknown"),
        ({}, None),
    ],
)
def test_a_kind_with_text_in_the_picture_is_quarantined_unless_it_says_no(
    film: Film, file_of: FileOf, changes: dict[str, Any], reason: str | None
) -> None:
    content = file_of(film(**changes))
    assert refusal(content, under()) == reason
    assert refusal(content, under(clean_pixel_data="keep")) is None


def test_text_that_is_known_to_be_burned_in_is_refused_whatever_the_profile_says(film: Film, file_of: FileOf) -> None:
    content = file_of(film(BurnedInAnnotation="YES"))
    for knob in ("quarantine", "keep"):
        assert refusal(content, under(clean_pixel_data=knob)) == "burned_in_annotation"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"BodyPartExamined": "HEAD"}, "recognisable_face"),
        ({"BodyPartExamined": None, "StudyDescription": "CT brain, native"}, "recognisable_face"),
        ({"BodyPartExamined": "ABDOMEN"}, None),
        ({"BodyPartExamined": "HEAD", "RecognizableVisualFeatures": "NO"}, None),
        ({"BodyPartExamined": None}, None),
    ],
)
def test_a_volume_that_says_it_shows_a_head_is_quarantined(
    film: Film, file_of: FileOf, changes: dict[str, Any], reason: str | None
) -> None:
    content = file_of(film(SOPClassUID=CTImageStorage, Modality="CT", **changes))
    assert refusal(content, under()) == reason
    assert refusal(content, under(clean_recognizable_visual_features="keep")) is None


def test_a_radiograph_of_a_skull_shows_no_face(film: Film, file_of: FileOf) -> None:
    assert refusal(file_of(film(BodyPartExamined="SKULL")), under()) is None


def test_overlays_are_dropped_or_quarantined_where_graphics_shall_stay(film: Film, file_of: FileOf) -> None:
    content = file_of(film())
    assert b"overlay text" in content
    assert b"overlay text" not in strip(content, under()).content
    assert refusal(content, under(clean_graphics=True)) == "overlay_not_cleaned"


@pytest.mark.parametrize(("keyword", "vr", "value"), [("Rows", "UT", "12"), ("Modality", "LO", "DX^Zanzibar")])
def test_what_cannot_be_left_out_and_is_malformed_is_quarantined(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms, keyword: str, vr: str, value: str
) -> None:
    forged = film()
    forged.add_new(keyword, vr, value)
    assert refusal(file_of(forged), pseudonyms) == "malformed_header"


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs Debian's tesseract-ocr")
def test_a_picture_searched_for_text_says_so_and_keeps_its_pixels(film: Film, file_of: FileOf) -> None:
    content, cleaning = file_of(film()), under(clean_pixel_data="clean")
    stripped = strip(content, cleaning)
    assert stripped.content == to_bytes(deidentify(read_dicom(content), cleaning))
    assert bytes(stripped.pixels) == bytes(strip(content, under()).pixels)
    stored = read_dicom(stripped.content)
    assert stored.BurnedInAnnotation == "NO"
    assert "113101" in [item.CodeValue for item in stored.DeidentificationMethodCodeSequence]
