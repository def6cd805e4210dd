"""The fast path gives the very bytes of the plain one, or leaves the file to it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_files
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless

from radloop.dicom.deidentify import deidentify, to_bytes
from radloop.dicom.parse import Unusual, parse
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_object, require_storable
from radloop.dicom.splice import clean_pixels, splice
from radloop.dicom.strip import strip
from radloop.dicom.told import Told
from radloop.errors import StudyRejected
from radloop.sections.intake import Deidentify
from radloop.simulate.dicom_out import dicom_bytes
from radloop.simulate.hospital import Hospital
from radloop.simulate.population import study
from radloop.simulate.radiograph import radiograph

Film = Callable[..., Dataset]
FileOf = Callable[[Dataset], bytes]
KEY = b"a key that only this test knows...."
#: All that the profile can keep, and as little as it can: both must come out alike on both paths.
LOOSE = Deidentify(
    retain_institution_identity=True, retain_uids=True, retain_safe_private=True, dates="kept",
    clean_structured_content=True, clean_pixel_data="keep", clean_recognizable_visual_features="keep",
)  # fmt: skip
BASIC = Deidentify(
    retain_patient_characteristics=False, retain_device_identity=False, clean_descriptors=False, dates="removed",
    clean_pixel_data="keep", clean_recognizable_visual_features="keep",
)  # fmt: skip
SIGNED = np.arange(-60, 60, dtype="<i2").reshape(12, 10)
PROFILES = {"default": Deidentify(), "loose": LOOSE, "basic": BASIC}


def fast(content: bytes, pseudonyms: Pseudonyms) -> bytes | None:
    """What the fast path alone gives; None where it leaves the file to the plain one."""
    try:
        file = parse(content)
    except Unusual:
        return None
    told = Told(file.elements)
    require_storable(told, has_pixels=True)
    pixels = clean_pixels(content, file, told)
    return None if pixels is None else bytes(splice(file, [pixels], pseudonyms)[0])


def plain(content: bytes, pseudonyms: Pseudonyms) -> bytes | None:
    """What the plain path gives; None where it refuses the file."""
    try:
        return to_bytes(deidentify(read_object(content)[0], pseudonyms))
    except StudyRejected:
        return None


def corpus() -> Iterator[bytes]:
    """pydicom's own test files, of many vendors and encodings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in sorted(set(get_testdata_files())):
            if Path(name).is_file():
                yield Path(name).read_bytes()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("knobs", PROFILES.values(), ids=PROFILES)
def test_both_paths_agree_on_the_whole_corpus(knobs: Deidentify) -> None:
    pseudonyms = Pseudonyms(KEY, Profile(knobs))
    spliced = 0
    for content in corpus():
        wanted = plain(content, pseudonyms)
        if wanted is None:
            continue
        found = fast(content, pseudonyms)
        assert found in (None, wanted)
        spliced += found is not None
    assert spliced >= 36, "the fast path takes what is uncompressed and little endian"


@pytest.mark.parametrize("knobs", PROFILES.values(), ids=PROFILES)
def test_both_paths_agree_on_films_of_the_simulated_hospital(knobs: Deidentify) -> None:
    hospital, pseudonyms = Hospital(image_size=64), Pseudonyms(KEY, Profile(knobs))
    for index in range(6):
        planned = study(hospital, index)
        content = dicom_bytes(hospital, planned, radiograph(hospital, planned))
        assert fast(content, pseudonyms) == plain(content, pseudonyms) != None  # noqa: E711


def encoded(film: Dataset, implicit: bool = False, little: bool = True) -> bytes:
    stream = io.BytesIO()
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID
    syntax = ImplicitVRLittleEndian if implicit else film.file_meta.TransferSyntaxUID
    film.file_meta.TransferSyntaxUID = syntax if little else ExplicitVRBigEndian
    pydicom.dcmwrite(stream, film, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    return stream.getvalue()


def with_nested(film: Dataset, undefined: bool) -> Dataset:
    item = Dataset()
    item.OperatorsName, item.RadiopharmaceuticalVolume, item.ReferencedSOPInstanceUID = "Wobble", "7", "1.2.3.4.5.7"
    outer = Dataset()
    outer.DerivationCodeSequence = Sequence([item])
    film.RadiopharmaceuticalInformationSequence = Sequence([outer, Dataset()])
    film["RadiopharmaceuticalInformationSequence"].is_undefined_length = undefined
    outer.is_undefined_length_sequence_item = undefined
    return film


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("implicit", [True, False])
def test_both_paths_agree_on_films_full_of_identity(
    film: Film, pseudonyms: Pseudonyms, implicit: bool, undefined: bool
) -> None:
    content = encoded(with_nested(film(), undefined), implicit)
    assert fast(content, pseudonyms) == plain(content, pseudonyms) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"SpecificCharacterSet": "ISO_IR 100", "Manufacturer": "Röntgenwerk", "PatientName": "Müller^Jörg"},
        {"SpecificCharacterSet": "ISO_IR 192", "Manufacturer": "レントゲン", "PatientID": "ß-1"},
        {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": "Yamada^Tarou=山田^太郎"},
        {"pixels": SIGNED, "SmallestImagePixelValue": -3, "PixelPaddingValue": -2},
        {"PatientAge": None},
        {"SoftwareVersions": ["syngo.via VB10A Gribble", "2.6.3"]},
        {"SoftwareVersions": "Gribble"},
        {"WindowCenter": ["40", "400"], "WindowWidth": ["80", "1500.5"]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("implicit", [True, False])
def test_both_paths_agree_on_odd_values(
    film: Film, pseudonyms: Pseudonyms, changes: dict[str, Any], implicit: bool
) -> None:
    content = encoded(film(**changes), implicit)
    assert fast(content, pseudonyms) == plain(content, pseudonyms) is not None


def test_eight_bits_and_an_odd_number_of_pixels_are_padded(film: Film, file_of: FileOf, pseudonyms: Pseudonyms) -> None:
    raw = film(pixels=np.arange(35, dtype="u1").reshape(5, 7))
    raw.add_new("PixelData", "OB", bytes(range(35)) + b"\0")
    content = file_of(raw)
    assert fast(content, pseudonyms) == plain(content, pseudonyms) is not None


@pytest.mark.parametrize("kind", ["<u2", "<i2"])
def test_drawings_in_the_high_bits_go_the_plain_way(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms, kind: str
) -> None:
    drawn = np.arange(120, dtype=kind).reshape(12, 10)
    drawn[3, 3] |= 0x4000
    content = file_of(film(pixels=drawn))
    assert fast(content, pseudonyms) is None
    assert strip(content, pseudonyms).content == plain(content, pseudonyms)


def test_what_is_compressed_or_big_endian_goes_the_plain_way(film: Film, pseudonyms: Pseudonyms) -> None:
    squeezed = film()
    squeezed.PixelData = squeezed.PixelData[:240]
    squeezed.compress(RLELossless, generate_instance_uid=False)
    for content in (encoded(squeezed), encoded(film(), little=False)):
        assert fast(content, pseudonyms) is None
        assert strip(content, pseudonyms).content == plain(content, pseudonyms) is not None


@pytest.mark.parametrize(("keyword", "place"), [("SOPClassUID", -1), ("StudyInstanceUID", 0), ("StudyInstanceUID", -1)])
def test_white_space_about_a_uid_is_taken_off_by_both_paths(
    keyword: str, place: int, film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    dataset = film()
    content = bytearray(file_of(dataset))
    uid = str(dataset[keyword].value).encode()
    spot = content.rindex(uid) + (0 if place == 0 else len(uid) - 1)
    content[spot] = 9  # a tab
    assert fast(bytes(content), pseudonyms) == plain(bytes(content), pseudonyms) is not None


def test_a_patient_id_that_its_character_set_cannot_hold_names_one_patient_on_both_paths(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    dataset = film()
    dataset.SpecificCharacterSet, dataset.PatientID = "ISO 2022 IR 87", "MRX-4711"
    content = file_of(dataset).replace(b"MRX-4711", b"MR\xce-4711")
    assert fast(content, pseudonyms) == plain(content, pseudonyms) is not None


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_damage_never_makes_the_paths_disagree(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms, data: st.DataObject
) -> None:
    content = bytearray(file_of(with_nested(film(), True)))
    header = content.index(b"\xe0\x7f\x10\x00")
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(132, header - 1))] = data.draw(st.integers(0, 255))
    wanted = plain(bytes(content), pseudonyms)
    try:
        found = fast(bytes(content), pseudonyms)
    except StudyRejected:
        assert wanted is None
    else:
        assert found in (None, wanted)


def test_a_pixel_representation_of_256_is_refused_on_both_paths(film: Film, pseudonyms: Pseudonyms) -> None:
    content = encoded(film(PixelRepresentation=256))
    assert plain(content, pseudonyms) is None
    with pytest.raises(StudyRejected, match="PixelRepresentation"):
        fast(content, pseudonyms)


def test_what_was_cleaned_before_changes_nothing_of_the_next_file(film: Film) -> None:
    films = [encoded(film(PatientID=one, PatientName=f"{one}^Ann", StudyDescription=text, PatientComments=text))
             for one in ("Chest", "Wobble") for text in ("Chest Wobble", "Lung")]  # fmt: skip
    alone = [fast(content, Pseudonyms(KEY)) for content in films]
    shared = Pseudonyms(KEY)
    assert [fast(content, shared) for content in (*films, *reversed(films))] == [*alone, *reversed(alone)]


TEXT_VRS = ("LO", "SH", "ST", "LT", "UT", "PN", "UC")
WORD = "Zanzibar"
REFUSED_OR_RENAMED = ("PatientID", "PatientAge", "PatientSex", "StudyInstanceUID", "SOPInstanceUID", "Modality")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    tags=st.lists(
        st.sampled_from([t for t in pydicom.datadict.DicomDictionary if t >> 16 > 8 and t >> 16 < 0x7FE0]), max_size=12
    ),
    before=st.sampled_from(["", "x ", "chest ", "Dr. ", "^", "\\"]),
    depth=st.integers(0, 3),
    private=st.integers(0x1000, 0x10FF),
)
@pytest.mark.filterwarnings("ignore")
def test_no_planted_name_survives_in_text_anywhere(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms, tags: list[int], before: str, depth: int, private: int
) -> None:
    inner = Dataset()
    for tag in tags:
        vr = pydicom.datadict.dictionary_VR(tag)
        inner.add_new(tag, vr if vr in TEXT_VRS else "LO", f"{before}{WORD}")
    inner.add_new(0x00190000 | private, "LO", WORD)
    raw = film()
    for element in inner if depth == 0 else ():
        if element.keyword not in REFUSED_OR_RENAMED and element.tag.group != 0x28:
            raw.add(element)
    for _ in range(depth):
        outer = Dataset()
        outer.RadiopharmaceuticalInformationSequence = Sequence([inner])
        inner = outer
    if depth:
        raw.RadiopharmaceuticalInformationSequence = inner.RadiopharmaceuticalInformationSequence
    content = file_of(raw)
    assert WORD.encode() in content
    found = strip(content, pseudonyms).content
    assert WORD.lower().encode() not in found.lower()


@pytest.mark.filterwarnings("ignore")
def test_compressed_files_are_stored_as_the_plain_path_stores_them() -> None:
    pseudonyms, equal = Pseudonyms(KEY, Profile(LOOSE)), 0
    for content in corpus():
        wanted = plain(content, pseudonyms)
        try:
            coded = parse(content).coded
        except Unusual:
            continue
        if coded and wanted is not None:
            assert bytes(strip(content, pseudonyms).content) == wanted
            equal += 1
    assert equal >= 20


def test_both_paths_spell_foreign_letters_in_an_item_alike(film: Film, file_of: FileOf) -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "Röntgen", "DCM", "Röntgen"
    content = file_of(film(SpecificCharacterSet="ISO_IR 192", ViewCodeSequence=Sequence([code])))
    pseudonyms = Pseudonyms(KEY, Profile())
    stored = plain(content, pseudonyms)
    assert stored is not None and "Röntgen".encode() in stored
    assert fast(content, pseudonyms) == stored
