"""No identity is left behind, whatever place it was planted in, and what may stay still serves."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from radloop.dicom.deidentify import deidentify, to_bytes
from radloop.dicom.keep import EMPTIED, KEPT, REMAPPED
from radloop.dicom.pixels import stored_values
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_dicom
from radloop.errors import ConfigurationError, StudyRejected

Film = Callable[..., Dataset]
FileOf = Callable[[Dataset], bytes]


def test_no_planted_identifier_is_in_the_stored_bytes(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms, planted: tuple[str, ...]
) -> None:
    raw = file_of(film())
    assert all(word.encode() in raw for word in planted), "the test plants what it looks for"
    stored = to_bytes(deidentify(read_dicom(raw), pseudonyms))
    assert [word for word in planted if word.encode() in stored] == []


def test_only_attributes_of_the_keep_list_survive(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    clean = deidentify(read_dicom(file_of(film())), pseudonyms)
    added = {
        "SpecificCharacterSet", "SOPClassUID", "PatientIdentityRemoved", "DeidentificationMethod", "PatientAge",
        "LongitudinalTemporalInformationModified", "PatientID", "PatientName", "InstitutionName", "PixelData",
        "SamplesPerPixel", "PhotometricInterpretation",
    }  # fmt: skip
    assert {element.keyword for element in clean} <= {*KEPT, *REMAPPED, *EMPTIED, *added}
    assert not any(element.tag.is_private or element.VR == "SQ" for element in clean)


def test_the_stored_file_says_what_was_done_and_claims_no_cleaned_pixels(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    stored = pydicom.dcmread(io.BytesIO(to_bytes(deidentify(read_dicom(file_of(film())), pseudonyms))))
    assert stored.PatientIdentityRemoved == "YES"
    assert "pixels not cleaned" in stored.DeidentificationMethod
    assert stored.LongitudinalTemporalInformationModified == "UNMODIFIED"
    assert stored.file_meta.MediaStorageSOPInstanceUID == stored.SOPInstanceUID
    assert stored.preamble == b"\0" * 128
    assert "SourceApplicationEntityTitle" not in stored.file_meta


def test_what_a_model_and_a_monitor_need_is_kept(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    clean = deidentify(read_dicom(file_of(film())), pseudonyms)
    assert (clean.PatientSex, clean.PatientAge, clean.ViewPosition, clean.KVP) == ("F", "063Y", "PA", 120)
    assert (clean.Manufacturer, clean.StudyDate, clean.ImagerPixelSpacing) == ("Acme", "20240301", [0.14, 0.14])


def test_equal_identifiers_become_equal_pseudonyms_and_others_do_not(pseudonyms: Pseudonyms) -> None:
    again = Pseudonyms(b"a key that only this test knows....")
    assert pseudonyms.patient("MRN-4711 ") == again.patient("MRN-4711") != again.patient("MRN-4712")
    assert pseudonyms.uid("1.2.3") == again.uid("1.2.3\0") != again.uid("1.2.4")
    assert pseudonyms.patient("MRN-4711") != Pseudonyms(b"another key, as long as that").patient("MRN-4711")


def test_a_new_uid_is_a_valid_one(pseudonyms: Pseudonyms) -> None:
    uids = [pydicom.uid.UID(pseudonyms.uid(str(n))) for n in range(200)]
    assert all(uid.is_valid and len(uid) <= 64 for uid in uids)
    assert len(set(uids)) == 200


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 16"):
        Pseudonyms(b"short")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ViewPosition", "ZANZIBAR^QUENTIN"),
        ("BodyPartExamined", "the chest of Quentin Zanzibar"),
        ("StudyDate", "20240301Zanzibar"),
        ("Manufacturer", "Zanzibar^Quentin"),
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
    clean = deidentify(read_dicom(file_of(forged)), pseudonyms)
    assert "KVP" not in clean


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


def test_an_untold_age_is_computed_before_the_birth_date_goes(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    before_birthday = film(PatientAge=None, PatientBirthDate="19610307", AcquisitionDate="20240306")
    assert deidentify(read_dicom(file_of(before_birthday)), pseudonyms).PatientAge == "062Y"


def test_a_birth_after_the_study_is_refused(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    with pytest.raises(StudyRejected) as refusal:
        deidentify(read_dicom(file_of(film(PatientAge=None, PatientBirthDate="20300101"))), pseudonyms)
    assert refusal.value.reason == "born_after_study"
    assert "2030" not in str(refusal.value)


def test_look_up_tables_are_kept_without_their_explanation(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4096, 0, 12])
    table.LUTExplanation = "tuned for Zanzibar"
    table.add_new("LUTData", "OW", np.arange(4096, dtype="<u2")[::-1].tobytes())
    stored = to_bytes(deidentify(read_dicom(file_of(film(VOILUTSequence=[table]))), pseudonyms))
    assert b"Zanzibar" not in stored
    assert len(read_dicom(stored).VOILUTSequence) == 1


def test_equal_films_give_equal_bytes(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    first, second = (to_bytes(deidentify(read_dicom(file_of(film())), pseudonyms)) for _ in range(2))
    assert first == second
