"""What is no single monochrome image is refused, with a reason and without a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import RTStructureSetStorage

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_dicom
from radloop.errors import StudyRejected
from radloop.sources import read_instance

Film = Callable[..., Dataset]
FileOf = Callable[[Dataset], bytes]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"PatientID": ""}, "no_PatientID"),
        ({"SOPInstanceUID": None}, "no_SOPInstanceUID"),
        ({"Rows": None}, "no_Rows"),
        ({"PixelData": None}, "no_pixels"),
        ({"SOPClassUID": "1.2.840.10008.1.3.10"}, "not_an_image"),
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, "colour"),
        ({"NumberOfFrames": "2"}, "truncated"),
        ({"BitsStored": 17}, "bit_depth"),
        ({"HighBit": 15}, "high_bit"),
        ({"Rows": 13}, "truncated"),
        ({"PatientSex": "X"}, "unknown_sex"),
        ({"PatientAge": "412Y"}, "age_out_of_range"),
        ({"PatientAge": "old"}, "unreadable_age"),
        ({"WindowCenter": "5", "WindowWidth": "0"}, None),
    ],
)
def test_a_film_that_cannot_be_used_is_refused_with_its_reason(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms, changes: dict[str, Any], reason: str | None
) -> None:
    content = file_of(film(**{"PixelData": film().PixelData[:240], **changes}))
    if reason is None:
        read_instance(content, pseudonyms)
        return
    with pytest.raises(StudyRejected) as refusal:
        read_instance(content, pseudonyms)
    assert refusal.value.reason == reason


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 200])
def test_bytes_that_are_no_dicom_are_refused(content: bytes) -> None:
    with pytest.raises(StudyRejected) as refusal:
        read_dicom(content)
    assert refusal.value.reason == ("not_dicom" if content else "empty_file")


def test_a_structure_set_is_no_image(film: Film, file_of: FileOf) -> None:
    with pytest.raises(StudyRejected):
        read_dicom(file_of(film(SOPClassUID=RTStructureSetStorage, Rows=None, PixelData=None)))


def test_a_file_without_preamble_is_still_read(film: Film, file_of: FileOf) -> None:
    assert read_dicom(file_of(film())[132:]).Modality == "DX"


def test_a_refused_sex_is_not_repeated_for_it_may_be_a_name(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    with pytest.raises(StudyRejected) as refusal:
        read_instance(file_of(film(PatientSex="ZANZIBAR")), pseudonyms)
    assert "ZANZIBAR" not in str(refusal.value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_either_survived_or_refused(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms, data: st.DataObject
) -> None:
    content = bytearray(file_of(film()))
    for _ in range(data.draw(st.integers(0, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    try:
        arrival = read_instance(bytes(content[:cut]), pseudonyms)
    except StudyRejected as refusal:
        assert "Zanzibar" not in str(refusal) and "MRN" not in str(refusal)
    else:
        assert b"Zanzibar" not in arrival.content


def test_every_truncation_of_a_file_is_refused(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    content = file_of(film())
    end_of_pixels = content.index(b"tail secret") - 1
    for cut in range(0, end_of_pixels, 37):
        with pytest.raises(StudyRejected):
            read_instance(content[:cut], pseudonyms)


def test_reading_says_nothing_of_a_patient_to_the_log(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms, recwarn: pytest.WarningsRecorder, caplog: Any
) -> None:
    bad = film(StudyDate="Zanzibar", PatientBirthDate="Zanzibar")
    bad.add_new(0x00180060, "DS", "120")
    read_instance(file_of(bad), pseudonyms)
    assert not [w for w in recwarn if "Zanzibar" in str(w.message)]
    assert "Zanzibar" not in caplog.text
