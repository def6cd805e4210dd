"""No identity is left behind, whatever place it was planted in, and what may stay still serves."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless

from radloop.dicom.deidentify import deidentify, to_bytes
from radloop.dicom.pixels import stored_values
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_dicom
from radloop.errors import ConfigurationError, StudyRejected
from radloop.sections.intake import Deidentify

Film = Callable[..., Dataset]
FileOf = Callable[[Dataset], bytes]
KEY = b"a key that only this test knows...."
BASIC = Deidentify(
    retain_patient_characteristics=False, retain_device_identity=False, clean_descriptors=False, dates="removed"
)


def under(**knobs: Any) -> Pseudonyms:
    """Pseudonyms under the test key and a profile with some knobs turned."""
    return Pseudonyms(KEY, Profile(Deidentify(**knobs)))


def cleaned(content: bytes, pseudonyms: Pseudonyms) -> Dataset:
    """What is stored of a file, read again."""
    return pydicom.dcmread(io.BytesIO(to_bytes(deidentify(read_dicom(content), pseudonyms))))


def test_no_planted_identifier_is_in_the_stored_bytes(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms, planted: tuple[str, ...]
) -> None:
    raw = file_of(film())
    assert all(word.encode() in raw for word in planted), "the test plants what it looks for"
    stored = to_bytes(deidentify(read_dicom(raw), pseudonyms))
    assert [word for word in planted if word.encode() in stored] == []


def test_device_identity_goes_where_the_profile_does_not_retain_it(film: Film, file_of: FileOf) -> None:
    raw = file_of(film())
    kept, gone = (cleaned(raw, under(retain_device_identity=keep)) for keep in (True, False))
    assert (kept.StationName, kept.DeviceSerialNumber) == ("STATION-X", "SN-998877")
    assert {gone.StationName, gone.DeviceSerialNumber} == {"REMOVED"}
    assert (gone.Manufacturer, gone.ManufacturerModelName) == ("Acme", "Ray 2"), "the table does not name them"


def test_the_stored_file_says_what_was_done_and_claims_no_cleaned_pixels(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    stored = cleaned(file_of(film()), pseudonyms)
    assert stored.PatientIdentityRemoved == "YES"
    assert list(stored.DeidentificationMethod) == [
        "radloop, PS3.15 Annex E, table of 2026c", "dates shifted by whole weeks", "ages above 89 told as 90",
        "pixels not cleaned",
    ]  # fmt: skip
    assert stored.LongitudinalTemporalInformationModified == "MODIFIED"
    assert codes(stored) == ["113100", "113105", "113107", "113108", "113109"]
    assert stored.file_meta.MediaStorageSOPInstanceUID == stored.SOPInstanceUID
    assert stored.preamble == b"\0" * 128
    assert "SourceApplicationEntityTitle" not in stored.file_meta


def codes(stored: Dataset) -> list[str]:
    items = stored.DeidentificationMethodCodeSequence
    assert {item.CodingSchemeDesignator for item in items} == {"DCM"}
    return [item.CodeValue for item in items]


@pytest.mark.parametrize(
    ("knobs", "more", "less", "dates"),
    [
        ({}, set(), set(), "MODIFIED"),
        ({"dates": "kept"}, {"113106"}, {"113107"}, "UNMODIFIED"),
        ({"dates": "removed"}, set(), {"113107"}, "REMOVED"),
        ({"retain_patient_characteristics": False}, set(), {"113108"}, "MODIFIED"),
        ({"retain_device_identity": False}, set(), {"113109"}, "MODIFIED"),
        ({"clean_descriptors": False}, set(), {"113105"}, "MODIFIED"),
        ({"clean_graphics": True}, {"113103"}, set(), "MODIFIED"),
        ({"clean_structured_content": True}, {"113104"}, set(), "MODIFIED"),
        ({"retain_uids": True}, {"113110"}, set(), "MODIFIED"),
        ({"retain_safe_private": True}, {"113111"}, set(), "MODIFIED"),
        ({"retain_institution_identity": True}, {"113112"}, set(), "MODIFIED"),
        ({"clean_pixel_data": "keep", "clean_recognizable_visual_features": "keep"}, set(), set(), "MODIFIED"),
    ],
)
def test_the_declared_codes_are_those_of_the_options_that_were_done(
    film: Film, file_of: FileOf, knobs: dict[str, Any], more: set[str], less: set[str], dates: str
) -> None:
    stored = cleaned(file_of(film()), under(**knobs))
    default = {"113100", "113105", "113107", "113108", "113109"}
    assert codes(stored) == sorted(default - less | more)
    assert stored.LongitudinalTemporalInformationModified == dates


def test_what_an_earlier_removal_of_dates_left_is_not_called_more(film: Film, file_of: FileOf) -> None:
    earlier = file_of(film(LongitudinalTemporalInformationModified="REMOVED"))
    assert cleaned(earlier, under(dates="kept")).LongitudinalTemporalInformationModified == "REMOVED"


def test_what_a_model_and_a_monitor_need_is_kept(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    clean = cleaned(file_of(film()), pseudonyms)
    assert (clean.PatientSex, clean.PatientAge, clean.ViewPosition, clean.KVP) == ("F", "063Y", "PA", 120)
    assert (clean.Manufacturer, clean.ImagerPixelSpacing) == ("Acme", [0.14, 0.14])


def test_the_plain_basic_profile_leaves_none_of_it(film: Film, file_of: FileOf) -> None:
    clean = cleaned(file_of(film()), Pseudonyms(KEY, Profile(BASIC)))
    assert (clean.PatientSex, clean.StudyDate, clean.PatientBirthDate) == ("", "", "")
    assert "PatientAge" not in clean and "SeriesDescription" not in clean
    assert codes(clean) == ["113100"]


def test_a_site_becomes_a_keyed_pseudonym_or_stays(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    assert cleaned(file_of(film()), pseudonyms).InstitutionName == pseudonyms.site("saint nowhere")
    assert cleaned(file_of(film()), under(retain_institution_identity=True)).InstitutionName == "Saint Nowhere"


def test_equal_identifiers_become_equal_pseudonyms_and_others_do_not(pseudonyms: Pseudonyms) -> None:
    again = Pseudonyms(KEY)
    assert pseudonyms.patient("MRN-4711 ") == again.patient("MRN-4711") != again.patient("MRN-4712")
    assert pseudonyms.uid("1.2.3") == again.uid("1.2.3\0") != again.uid("1.2.4")
    assert pseudonyms.patient("MRN-4711") != Pseudonyms(b"another key, as long as that").patient("MRN-4711")


def test_a_new_uid_is_a_valid_one(pseudonyms: Pseudonyms) -> None:
    uids = [pydicom.uid.UID(pseudonyms.uid(str(n))) for n in range(200)]
    assert all(uid.is_valid and len(uid) <= 64 for uid in uids)
    assert len(set(uids)) == 200


def test_references_between_files_still_meet(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    referenced = cleaned(file_of(film("1.2.3.4.5.99")), pseudonyms)
    first, second = (cleaned(file_of(film(uid)), pseudonyms) for uid in ("1.2.3.4.5.1", "1.2.3.4.5.2"))
    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.ReferencedImageSequence[0].ReferencedSOPInstanceUID == referenced.SOPInstanceUID


def test_uids_stay_where_the_profile_retains_them(film: Film, file_of: FileOf) -> None:
    kept = under(retain_uids=True)
    clean = cleaned(file_of(film("1.2.3.4.5.1")), kept)
    assert clean.SOPInstanceUID == kept.stored_uid("1.2.3.4.5.1") == "1.2.3.4.5.1"
    assert clean.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.4.5.99"


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 16"):
        Pseudonyms(b"short")


def test_all_dates_of_a_patient_move_alike_by_whole_weeks_and_times_stay(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    back = timedelta(pseudonyms.days_back("MRN-4711"))
    for day in (date(2024, 3, 1), date(2026, 1, 1)):
        raw = film(StudyDate=f"{day:%Y%m%d}", StudyTime="101530", AcquisitionDateTime=f"{day:%Y%m%d}101530.5+0100")
        clean = cleaned(file_of(raw), pseudonyms)
        assert clean.StudyDate == f"{day - back:%Y%m%d}"
        assert clean.StudyTime == "101530"
        assert clean.AcquisitionDateTime == f"{day - back:%Y%m%d}101530.5+0100"
        assert (day - back).weekday() == day.weekday()


def test_patients_move_by_their_own_weeks_into_the_past(pseudonyms: Pseudonyms) -> None:
    moved = [pseudonyms.days_back(f"MRN-{n}") for n in range(2000)]
    assert set(moved) == {7 * weeks for weeks in range(1, 53)}
    assert pseudonyms.days_back("MRN-1 ") == pseudonyms.days_back("MRN-1")


@pytest.mark.parametrize("text", ["2024", "202403", "20240231", "00010103", "20240301Zanzibar"])
def test_what_cannot_be_moved_is_dropped(film: Film, file_of: FileOf, pseudonyms: Pseudonyms, text: str) -> None:
    raw = film()
    raw.add_new("StudyDate", "LO", text)
    raw.add_new("AcquisitionDateTime", "LO", text)
    clean = cleaned(file_of(raw), pseudonyms)
    assert clean.StudyDate == ""
    assert clean.AcquisitionDateTime == "19000101", "its basic action is X/Z/D, and a dummy is valid everywhere"


@pytest.mark.parametrize(("told", "stored"), [("089Y", "089Y"), ("090Y", "090Y"), ("091Y", "090Y"), ("104", "090Y")])
def test_ages_above_89_are_told_as_90(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms, told: str, stored: str
) -> None:
    raw = film()
    raw.add_new("PatientAge", "LO", told)
    assert cleaned(file_of(raw), pseudonyms).PatientAge == stored


def test_a_computed_age_above_89_is_told_as_90(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    assert cleaned(file_of(film(PatientAge=None, PatientBirthDate="19250101")), pseudonyms).PatientAge == "090Y"


def test_an_untold_age_is_computed_before_the_birth_date_goes(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    before_birthday = film(PatientAge=None, PatientBirthDate="19610307", AcquisitionDate="20240306")
    assert cleaned(file_of(before_birthday), pseudonyms).PatientAge == "062Y"


def test_a_birth_after_the_study_is_refused(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    with pytest.raises(StudyRejected) as refusal:
        deidentify(read_dicom(file_of(film(PatientAge=None, PatientBirthDate="20300101"))), pseudonyms)
    assert refusal.value.reason == "born_after_study"
    assert "2030" not in str(refusal.value)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ViewPosition", "ZANZIBAR^QUENTIN"),
        ("ViewPosition", "ZANZIBAR"),
        ("BodyPartExamined", "the chest of Quentin Zanzibar"),
        ("StudyDate", "20240301Zanzibar"),
        ("Manufacturer", "Zanzibar^Quentin"),
        ("Manufacturer", "built for zanzibar"),
        ("StationName", "ROOM MRN-4711"),
    ],
)
def test_a_name_in_the_place_of_a_code_or_date_is_dropped(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms, keyword: str, value: str
) -> None:
    stored = to_bytes(deidentify(read_dicom(file_of(film(**{keyword: value}))), pseudonyms))
    assert value.encode() not in stored and value.upper().encode() not in stored


def test_a_text_in_the_place_of_a_number_is_dropped(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    forged = film(KVP=None)
    forged.add_new(0x00180060, "LO", "Zanzibar")
    assert "KVP" not in cleaned(file_of(forged), pseudonyms)


def test_free_text_keeps_the_words_of_radiology_alone(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    told = "Chest PA erect of Quentin Zanzibar, 1961-03-07, post biopsy"
    raw = file_of(film(StudyDescription=told, SeriesDescription="for Dr Wobble"))
    clean = cleaned(raw, pseudonyms)
    assert clean.StudyDescription == "Chest PA erect post biopsy"
    assert "SeriesDescription" not in clean
    assert "StudyDescription" not in cleaned(raw, under(clean_descriptors=False))


def test_a_patient_called_like_a_word_of_radiology_is_not_named_by_it(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    raw = film(PatientName="Head^Quentin", StudyDescription="Quentin Head chest")
    assert cleaned(file_of(raw), pseudonyms).StudyDescription == "chest"


def nest(item: Dataset, depth: int) -> Dataset:
    for _ in range(depth):
        outer = Dataset()
        outer.RadiopharmaceuticalInformationSequence = Sequence([item])
        item = outer
    return item


def test_names_go_at_any_depth_and_a_bottomless_nest_goes_whole(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    item = Dataset()
    item.OperatorsName, item.RadiopharmaceuticalVolume = "Zanzibar^Quentin", "7"
    found = {}
    for depth in (6, 12):
        raw = film(RadiopharmaceuticalInformationSequence=[nest(item, depth)])
        clean = cleaned(file_of(raw), pseudonyms)
        found[depth] = [
            str(e.value) for e in clean.iterall() if e.keyword in ("OperatorsName", "RadiopharmaceuticalVolume")
        ]
    assert found == {6: ["REMOVED", "REMOVED", "7"], 12: ["REMOVED"]}


def test_a_code_stays_if_its_scheme_is_published_and_says_no_more_than_its_code(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    def code(scheme: str, value: str, meaning: str) -> Dataset:
        item = Dataset()
        item.CodingSchemeDesignator, item.CodeValue, item.CodeMeaning = scheme, value, meaning
        return item

    views = [code("SCT", "399348003", "antero-posterior"), code("99HOSP", "ZANZIBAR", "chest"), code("SCT", "1", "Zan")]
    clean = cleaned(file_of(film(ViewCodeSequence=views)), pseudonyms)
    told = [(item.CodeValue, item.CodeMeaning) for item in clean.ViewCodeSequence]
    assert told == [("399348003", "antero posterior"), ("1", "1")]


def test_private_data_go_at_any_depth_unless_they_are_on_the_safe_list(film: Film, file_of: FileOf) -> None:
    raw = film()
    block = raw.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", "0.25")
    block.add_new(0x01, "LO", "Zanzibar")
    nested = Dataset()
    nested.RadiopharmaceuticalVolume = "7"
    nested.private_block(0x0019, "ACME 1.0", create=True).add_new(0x01, "LO", "private Zanzibar")
    raw.RadiopharmaceuticalInformationSequence = [nested]
    gone = cleaned(file_of(raw), under())
    assert not any(element.tag.is_private for element in gone.iterall())
    safe = cleaned(file_of(raw), under(retain_safe_private=True))
    kept = [(int(element.tag), str(element.value)) for element in safe.iterall() if element.tag.is_private]
    assert kept == [(0x70530010, "Philips PET Private Group"), (0x70531000, "0.25")]


def test_unused_high_bits_in_which_old_overlays_hide_are_cleared(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    plain = np.arange(120, dtype="<u2").reshape(12, 10)
    drawn = plain | 0x8000
    clean = deidentify(read_dicom(file_of(film(pixels=drawn))), pseudonyms)
    np.testing.assert_array_equal(stored_values(read_dicom(to_bytes(clean))), plain)


def test_signed_pixels_keep_their_sign(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    pixels = np.arange(-60, 60, dtype="<i2").reshape(12, 10)
    clean = deidentify(read_dicom(file_of(film(pixels=pixels))), pseudonyms)
    np.testing.assert_array_equal(stored_values(read_dicom(to_bytes(clean))), pixels)


def test_compressed_pixels_are_stored_plain_so_that_no_codec_comment_survives(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    original = film()
    original.PixelData = original.PixelData[:240]
    pixels = np.frombuffer(original.PixelData, "<u2").reshape(12, 10)
    original.compress(RLELossless, generate_instance_uid=False)
    clean = deidentify(read_dicom(file_of(original)), pseudonyms)
    assert clean.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    np.testing.assert_array_equal(stored_values(read_dicom(to_bytes(clean))), pixels)


def test_look_up_tables_are_kept_without_their_explanation(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4096, 0, 12])
    table.LUTExplanation = "tuned for Zanzibar"
    table.add_new("LUTData", "OW", np.arange(4096, dtype="<u2")[::-1].tobytes() + b"tail secret.")
    stored = to_bytes(deidentify(read_dicom(file_of(film(VOILUTSequence=[table]))), pseudonyms))
    assert b"Zanzibar" not in stored and b"tail secret" not in stored
    assert len(read_dicom(stored).VOILUTSequence[0].LUTData) == 8192


def test_device_names_in_other_alphabets_are_kept_as_utf_8(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    raw = film(SpecificCharacterSet="ISO_IR 100", Manufacturer="Röntgenwerk")
    clean = cleaned(file_of(raw), pseudonyms)
    assert (clean.SpecificCharacterSet, clean.Manufacturer) == ("ISO_IR 192", "Röntgenwerk")


def test_equal_films_give_equal_bytes(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    first, second = (to_bytes(deidentify(read_dicom(file_of(film())), pseudonyms)) for _ in range(2))
    assert first == second
