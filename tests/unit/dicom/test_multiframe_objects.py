"""Objects of several frames lose their identity in every functional group, and keep each frame with its group."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import BreastTomosynthesisImageStorage, ExplicitVRBigEndian, JPEGLSLossless, RLELossless

from radloop.dicom import strip as strip_module
from radloop.dicom.deidentify import deidentify, to_bytes
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_object
from radloop.dicom.series import series_volume
from radloop.dicom.strip import strip
from radloop.errors import StudyRejected
from radloop.sections.intake import Deidentify
from radloop.sources.instance import read_instance

Series = Callable[..., list[Dataset]]
Enhanced = Callable[..., Dataset]
Film = Callable[..., Dataset]
FileOf = Callable[[Dataset], bytes]
PLANTED = ("Zanzibar", "Dr Wobble", "MRN-4711", "1.2.3.4.5", "20240301", "hidden remark")


def under(**knobs: Any) -> Pseudonyms:
    return Pseudonyms(b"a key that only this test knows....", Profile(Deidentify(**knobs)))


def coded(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "SCT", meaning
    return code


def anatomy(value: str, meaning: str) -> Dataset:
    place = Dataset()
    place.AnatomicRegionSequence, place.FrameLaterality = Sequence([coded(value, meaning)]), "U"
    return place


def with_identity(slices: list[Dataset], enhanced: Enhanced, **changes: Any) -> Dataset:
    """An enhanced object with identity in its shared groups and in the groups of each frame, and at all depths."""
    one = enhanced(slices, **changes)
    shared = one.SharedFunctionalGroupsSequence[0]
    shared.FrameAnatomySequence = Sequence([anatomy("51185008", "Chest")])
    shared.private_block(0x2005, "ACME 1.0", create=True).add_new(1, "LO", "private Zanzibar")
    for number, groups in enumerate(one.PerFrameFunctionalGroupsSequence, start=1):
        content = groups.FrameContentSequence[0]
        content.FrameComments, content.FrameLabel = "hidden remark", "Zanzibar"
        content.FrameAcquisitionDateTime = content.FrameReferenceDateTime = f"20240301{number:02}0000"
        source = Dataset()
        source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5.9"
        source.PurposeOfReferenceCodeSequence = Sequence([coded("121322", "for Dr Wobble")])
        derived = Dataset()
        derived.DerivationDescription, derived.SourceImageSequence = "of MRN-4711", Sequence([source])
        groups.DerivationImageSequence = Sequence([derived])
        groups.private_block(0x2005, "ACME 1.0", create=True).add_new(1, "LO", "Zanzibar")
    return one


def texts(dataset: Dataset) -> str:
    return json.dumps(dataset.to_json_dict(), default=str)


@pytest.mark.parametrize("knobs", [{}, {"dates": "removed"}, {"retain_safe_private": True, "clean_descriptors": False}])
def test_identity_goes_from_shared_and_own_groups_alike_on_both_paths(
    series: Series, enhanced: Enhanced, file_of: FileOf, knobs: dict[str, Any]
) -> None:
    content = file_of(with_identity(series(4, Modality="CT", RescaleSlope="1", RescaleIntercept="-1024"), enhanced))
    stripped = strip(content, under(**knobs))
    assert stripped.content == to_bytes(deidentify(read_object(content)[0], under(**knobs)))
    stored = pydicom.dcmread(io.BytesIO(stripped.content))
    assert not [word for word in PLANTED if word in texts(stored) or word.encode() in stripped.content[:]]
    groups = stored.PerFrameFunctionalGroupsSequence
    assert len(groups) == stored.NumberOfFrames == 4
    assert [list(one.FrameContentSequence[0].DimensionIndexValues) for one in groups] == [[1, n] for n in (1, 2, 3, 4)]


def test_uids_in_groups_are_mapped_as_at_the_top_and_moments_moved_by_the_patients_weeks(
    series: Series, enhanced: Enhanced, file_of: FileOf
) -> None:
    stored = pydicom.dcmread(io.BytesIO(strip(file_of(with_identity(series(3), enhanced)), under()).content))
    groups = stored.PerFrameFunctionalGroupsSequence
    uids = {one.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID for one in groups}
    assert uids == {under().uid("1.2.3.4.5.9")}
    days = {str(one.FrameContentSequence[0].FrameAcquisitionDateTime)[:8] for one in groups}
    back = under().days_back("invented")
    assert days == {f"{np.datetime64('2024-03-01') - np.timedelta64(back, 'D')}".replace("-", "")}


def test_a_group_of_which_nothing_may_stay_keeps_its_place(series: Series, enhanced: Enhanced, file_of: FileOf) -> None:
    joined = enhanced(series(3))
    only = Dataset()
    only.private_block(0x2005, "ACME 1.0", create=True).add_new(1, "LO", "Zanzibar")
    joined.PerFrameFunctionalGroupsSequence[1] = only
    content = file_of(joined)
    stripped = strip(content, under())
    assert stripped.content == to_bytes(deidentify(read_object(content)[0], under()))
    stored = pydicom.dcmread(io.BytesIO(stripped.content))
    kept = [len(one) > 0 for one in stored.PerFrameFunctionalGroupsSequence]
    assert kept == [True, False, True], "the third frame's place must not become the second's"


def test_a_stack_keeps_its_small_number_and_loses_a_name_with_the_place_in_it(
    series: Series, enhanced: Enhanced, file_of: FileOf
) -> None:
    joined = enhanced(series(3))
    joined.PerFrameFunctionalGroupsSequence[1].FrameContentSequence[0].StackID = "Zanzibar"
    joined.PerFrameFunctionalGroupsSequence[2].FrameContentSequence[0].StackID = "4711"
    stored = pydicom.dcmread(io.BytesIO(strip(file_of(joined), under()).content))
    contents = [one.FrameContentSequence[0] for one in stored.PerFrameFunctionalGroupsSequence]
    assert [one.get("StackID") for one in contents] == ["1", None, None]
    assert [one.get("InStackPositionNumber") for one in contents] == [1, None, None]


def test_a_mapping_to_the_real_world_keeps_a_label_that_says_nothing(
    series: Series, enhanced: Enhanced, file_of: FileOf
) -> None:
    joined = enhanced(series(3))
    mapping = Dataset()
    mapping.LUTLabel, mapping.LUTExplanation = "Zanzibar", "for Dr Wobble"
    mapping.RealWorldValueIntercept, mapping.RealWorldValueSlope = 0.0, 1.0
    joined.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = Sequence([mapping])
    stored = pydicom.dcmread(io.BytesIO(strip(file_of(joined), under()).content))
    (kept,) = stored.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence
    assert (kept.LUTLabel, kept.RealWorldValueSlope) == ("REMOVED", 1.0)
    assert "Zanzibar" not in texts(stored) and "Wobble" not in texts(stored)


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_the_volume_of_what_was_stored_is_the_volume_of_what_came(
    series: Series, enhanced: Enhanced, file_of: FileOf, modality: str
) -> None:
    slices = series(5, Modality=modality, RescaleSlope="2", RescaleIntercept="-1024")
    came = series_volume([enhanced(slices[::-1])])
    stored = series_volume([pydicom.dcmread(io.BytesIO(strip(file_of(enhanced(slices[::-1])), under()).content))])
    np.testing.assert_array_equal(stored.voxels, came.voxels)
    np.testing.assert_array_equal(stored.affine, came.affine)
    assert stored.unit == came.unit


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_compressed_frames_are_stored_plain_and_equal(
    series: Series, enhanced: Enhanced, file_of: FileOf, syntax: str
) -> None:
    slices = series(4)
    joined = enhanced(slices)
    wanted = strip(file_of(joined), under())
    joined.compress(syntax, generate_instance_uid=False, encoding_plugin="")
    found = strip(file_of(joined), under())
    assert bytes(found.pixels) == bytes(wanted.pixels) == b"".join(one.PixelData for one in slices)


def test_frames_of_the_other_byte_order_are_turned(film: Film) -> None:
    pixels = np.arange(3 * 12 * 10, dtype="<u2").reshape(3, 12, 10)
    sent = film(NumberOfFrames=3, PixelData=pixels.byteswap().tobytes())
    sent.file_meta.TransferSyntaxUID, sent.file_meta.MediaStorageSOPInstanceUID = ExplicitVRBigEndian, "1.2.3"
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, sent, implicit_vr=False, little_endian=False, enforce_file_format=True)
    assert bytes(strip(stream.getvalue(), under()).pixels) == pixels.tobytes()


@pytest.mark.parametrize("where", ["shared", "own", "top"])
def test_a_head_that_only_a_code_tells_is_quarantined(
    series: Series, enhanced: Enhanced, file_of: FileOf, where: str
) -> None:
    joined = enhanced(series(3))
    place = anatomy("69536005", "Head")
    if where == "top":
        joined.AnatomicRegionSequence = place.AnatomicRegionSequence
    elif where == "shared":
        joined.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = Sequence([place])
    else:
        joined.PerFrameFunctionalGroupsSequence[2].FrameAnatomySequence = Sequence([place])
    with pytest.raises(StudyRejected) as refusal:
        strip(file_of(joined), under())
    assert refusal.value.reason == "recognisable_face"
    strip(file_of(joined), under(clean_recognizable_visual_features="keep"))


def test_a_rescale_that_is_no_number_is_refused_in_a_group_too(
    series: Series, enhanced: Enhanced, file_of: FileOf
) -> None:
    joined = enhanced(series(3, Modality="CT", RescaleSlope="1", RescaleIntercept="0"))
    content = file_of(joined).replace(b"DS\x02\x001 (\x00T\x10", b"DS\x02\x00x (\x00T\x10", 1)
    assert content != file_of(joined)
    with pytest.raises(StudyRejected) as refusal:
        strip(content, under())
    assert refusal.value.reason == "malformed_rescale"


def test_the_catalog_row_of_an_enhanced_object_tells_what_its_groups_say(
    series: Series, enhanced: Enhanced, file_of: FileOf
) -> None:
    record = read_instance(file_of(with_identity(series(4), enhanced)), under()).record
    assert (record.frames, record.orientation, record.body_part) == (4, "axial", "CHEST")
    assert (record.pixel_spacing, record.slice_thickness) == (0.7, 2.5)


def test_tomosynthesis_is_admitted_as_one_object(film: Film, file_of: FileOf, planted: tuple[str, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 4096, (7, 12, 10)).astype("<u2")
    sent = film(SOPClassUID=BreastTomosynthesisImageStorage, Modality="MG", NumberOfFrames=7, BodyPartExamined="BREAST")
    sent.PixelData = pixels.tobytes()
    arrival = read_instance(file_of(sent), under())
    assert arrival.record.frames == 7
    assert not [word for word in planted if word.encode() in arrival.content[:]]


@pytest.mark.parametrize("compressed", [False, True])
def test_a_large_object_is_stored_as_a_small_one(
    series: Series, enhanced: Enhanced, file_of: FileOf, monkeypatch: pytest.MonkeyPatch, compressed: bool
) -> None:
    joined = with_identity(series(4), enhanced)
    if compressed:
        joined.compress(RLELossless, generate_instance_uid=False)
    content = file_of(joined)
    held = strip(content, under())
    monkeypatch.setattr("radloop.content.LARGE", 64)
    monkeypatch.setattr(strip_module, "LARGE", 64)
    laid = strip(content, under())
    assert isinstance(held.content, bytes) and not isinstance(laid.content, bytes)
    assert laid.content[:] == held.content and laid.pixels == held.pixels
