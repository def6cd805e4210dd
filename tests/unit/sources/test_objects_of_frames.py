"""Objects of several frames and of colour beside films: measured, placed, and kept from a model of films."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut
from pydicom.uid import EnhancedCTImageStorage, UltrasoundMultiFrameImageStorage

from radloop.catalog import admit, map_contents, read_catalog, read_quarantine
from radloop.dicom.brightness import brightness
from radloop.dicom.layout import Layout
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import StudyRejected
from radloop.imaging.pixels import SAMPLED, read_pixels, sampled_frames, sampled_numbers
from radloop.imaging.resample import shrink
from radloop.params import UseCase
from radloop.quality.survey import survey
from radloop.quality.verdicts import judge_snapshot
from radloop.sources import open_source
from radloop.volumes import read_volume

Film = Callable[..., Dataset]
Chest = Callable[..., np.ndarray]
SIDE, FRAMES = 160, 12
STEP, ORIGIN = 2.5, (-10.0, -20.0, 30.0)


def item(**told: object) -> Dataset:
    one = Dataset()
    for keyword, value in told.items():
        setattr(one, keyword, value)
    return one


def enhanced_ct(film: Film, voxels: np.ndarray) -> Dataset:
    """Frames upside down, with a rescale of their own each."""
    sent = film("1.2.3.4.5.21", Modality="CT", SOPClassUID=EnhancedCTImageStorage, ViewPosition=None, KVP=None)
    sent.NumberOfFrames, sent.Rows, sent.Columns = voxels.shape
    sent.FrameOfReferenceUID = "1.2.3.4.5.99"
    sent.SharedFunctionalGroupsSequence = [
        item(
            PixelMeasuresSequence=[item(PixelSpacing=["0.5", "0.5"], SliceThickness="2.5")],
            PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
            CTXRayDetailsSequence=[item(KVP="120")],
        )
    ]
    sent.PerFrameFunctionalGroupsSequence = [
        item(
            PlanePositionSequence=[item(ImagePositionPatient=[*ORIGIN[:2], ORIGIN[2] + STEP * (len(voxels) - 1 - k)])],
            PixelValueTransformationSequence=[
                item(RescaleSlope=str(k + 1), RescaleIntercept="-1024", RescaleType="HU")
            ],
        )
        for k in range(len(voxels))
    ]
    sent.PixelData = voxels.astype("<u2").tobytes()
    return sent


def cine(film: Film, chest: Chest) -> Dataset:
    pictures = np.stack([np.stack([chest(seed, SIDE)] * 3, axis=-1) for seed in range(FRAMES)])
    return film(
        "1.2.3.4.5.22", Modality="US", SOPClassUID=UltrasoundMultiFrameImageStorage, ViewPosition=None, KVP=None,
        NumberOfFrames=FRAMES, Rows=SIDE, Columns=SIDE, SamplesPerPixel=3, PhotometricInterpretation="RGB",
        PlanarConfiguration=0, BitsAllocated=8, BitsStored=8, HighBit=7, BurnedInAnnotation="NO",
        PixelData=pictures.tobytes(),
    )  # fmt: skip


@pytest.fixture
def voxels() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 4000, (FRAMES, 20, 24))


@pytest.fixture
def snapshot(
    tmp_path: Path, film: Film, chest: Chest, voxels: np.ndarray, dicom_folder: Callable[..., Path],
    pseudonyms: Pseudonyms,
) -> Path:  # fmt: skip
    """One film, one loop in grey and one in colour, one enhanced CT; and a loop that does not say it has no text."""
    pictures = np.stack([chest(seed, SIDE) for seed in range(FRAMES)]).astype("<u2")
    loop = film(
        "1.2.3.4.5.23", Modality="CR", NumberOfFrames=FRAMES, Rows=SIDE, Columns=SIDE, PixelData=pictures.tobytes()
    )
    silent = cine(film, chest)
    silent.SOPInstanceUID = "1.2.3.4.5.24"
    del silent.BurnedInAnnotation
    one = film("1.2.3.4.5.20", pixels=chest(3, SIDE).astype("<u2"))
    folder = dicom_folder(a=one, b=loop, c=cine(film, chest), d=enhanced_ct(film, voxels), e=silent)
    outcome = admit(tmp_path / "d", open_source("dicom_folder", folder, pseudonyms))
    assert (outcome.admitted, outcome.quarantined) == (4, 1)
    assert read_quarantine(tmp_path / "d")["reason"].tolist() == ["burned_in_text_unknown"]
    return tmp_path / "d"


def test_the_catalog_tells_frames_colour_and_what_shared_groups_say(snapshot: Path) -> None:
    rows = read_catalog(snapshot).set_index("modality")
    assert rows["frames"].fillna(0).to_dict() == {"DX": 0, "CR": FRAMES, "US": FRAMES, "CT": FRAMES}
    assert rows["photometric_interpretation"]["US"] == "RGB"
    ct = rows.loc["CT"]
    assert (ct["orientation"], ct["pixel_spacing"], ct["slice_thickness"], ct["kvp"]) == ("axial", 0.5, 2.5, 120)


def test_an_admitted_enhanced_object_is_the_volume_of_its_frames(snapshot: Path, voxels: np.ndarray) -> None:
    rows = read_catalog(snapshot)
    volume = read_volume(snapshot, rows[rows["modality"] == "CT"])
    slopes = np.arange(1, FRAMES + 1)[:, None, None]
    wanted = (voxels * slopes - 1024.0)[::-1].transpose(2, 1, 0)
    np.testing.assert_array_equal(volume.voxels, wanted)
    np.testing.assert_allclose(volume.affine @ [0, 0, 0, 1], [*ORIGIN, 1])
    np.testing.assert_allclose(volume.spacing, [0.5, 0.5, STEP])
    assert volume.unit == "HU" and [source.frame for source in volume.sources] == list(range(FRAMES, 0, -1))


@pytest.mark.parametrize(("modality", "reason"), [("CR", "frames_without_places"), ("US", "colour")])
def test_frames_without_places_are_no_volume(snapshot: Path, modality: str, reason: str) -> None:
    rows = read_catalog(snapshot)
    with pytest.raises(StudyRejected) as refusal:
        read_volume(snapshot, rows[rows["modality"] == modality])
    assert refusal.value.reason == reason


def test_a_loop_is_measured_on_five_frames_and_remembered_by_the_middle_one(snapshot: Path) -> None:
    rows = read_catalog(snapshot)
    films = survey(snapshot, rows, 0).set_index(rows["modality"])
    assert films["unreadable"].isna().all() and not films["altered"].any()
    contents = {rows["modality"][at]: content for at, content in map_contents(snapshot, rows)}
    seen = list(sampled_frames(contents["CR"], "application/dicom"))
    assert len(seen) == SAMPLED and len({frame.tobytes() for frame in seen}) == SAMPLED
    assert films["contrast"]["US"] == pytest.approx(np.median([_contrast(frame) for frame in seen]), rel=1e-3)
    assert films["thumbnail"]["US"] == films["thumbnail"]["CR"] != films["thumbnail"]["DX"]


def _contrast(frame: np.ndarray) -> float:
    return float(shrink(frame).std())


@pytest.mark.parametrize(
    ("frames", "numbers"),
    [(1, [1]), (2, [1, 2]), (5, [1, 2, 3, 4, 5]), (6, [1, 2, 4, 5, 6]), (300, [31, 91, 151, 211, 271])],
)
def test_the_sample_is_spread_evenly_and_has_a_middle(frames: int, numbers: list[int]) -> None:
    assert sampled_numbers(frames) == numbers


def test_the_one_frame_of_a_film_is_sampled_as_it_is_read(snapshot: Path) -> None:
    rows = read_catalog(snapshot)
    contents = {rows["modality"][at]: content for at, content in map_contents(snapshot, rows)}
    (only,) = sampled_frames(contents["DX"], "application/dicom")
    np.testing.assert_array_equal(only, read_pixels(contents["DX"], "application/dicom"))


def test_a_use_case_of_films_sets_them_aside_at_validation_and_says_why(snapshot: Path, case: UseCase) -> None:
    rows = read_catalog(snapshot)
    verdicts = judge_snapshot(case, rows, survey(snapshot, rows, 0), read_quarantine(snapshot))
    why = dict(zip(rows["modality"], verdicts.reasons, strict=True))
    assert {"multi_frame"} <= set(why["CR"]) and "multi_frame" not in why["DX"]
    assert {"multi_frame", "photometric_interpretation_not_accepted", "modality_not_accepted"} <= set(why["US"])
    assert "pixels_unreadable" not in why["US"] + why["CR"] + why["CT"]


@pytest.mark.parametrize(("modality", "reason"), [("CR", "multi_frame"), ("US", "colour")])
def test_a_film_is_never_read_out_of_a_loop(snapshot: Path, modality: str, reason: str) -> None:
    rows = read_catalog(snapshot)
    contents = {rows["modality"][at]: content for at, content in map_contents(snapshot, rows)}
    with pytest.raises(StudyRejected) as refusal:
        read_pixels(contents[modality], "application/dicom")
    assert refusal.value.reason == reason


def test_brightness_is_alike_however_the_colours_lie() -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (4, 6, 3), np.uint8)
    wanted = rgb.astype(float) @ [0.299, 0.587, 0.114]
    layout = Layout(1, 4, 6, 3, 8, np.dtype("u1"), "RGB", 0)
    np.testing.assert_allclose(brightness(rgb, layout, Dataset()), wanted, rtol=1e-5)
    planes = rgb.transpose(2, 0, 1)
    np.testing.assert_allclose(brightness(planes, layout._replace(planar=1), Dataset()), wanted, rtol=1e-5)
    halved = np.concatenate([rgb[:, :, :1].reshape(4, 3, 2), np.full((4, 3, 2), 7, np.uint8)], axis=2).ravel()
    found = brightness(halved, layout._replace(photometric="YBR_FULL_422"), Dataset())
    np.testing.assert_array_equal(found, rgb[:, :, 0])
    np.testing.assert_array_equal(brightness(rgb, layout._replace(photometric="YBR_FULL"), Dataset()), rgb[:, :, 0])


def test_the_brightness_of_a_palette_is_that_of_its_colours() -> None:
    told = Dataset()
    for at, name in enumerate(("Red", "Green", "Blue")):
        setattr(told, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(told, f"{name}PaletteColorLookupTableData", (np.arange(256) * (at + 1)).astype("<u2").tobytes())
    told.PhotometricInterpretation = "PALETTE COLOR"
    indices = np.arange(24, dtype=np.uint8).reshape(4, 6)
    found = brightness(indices, Layout(1, 4, 6, 1, 8, np.dtype("u1"), "PALETTE COLOR", 0), told)
    np.testing.assert_allclose(found, apply_color_lut(indices, told) @ [0.299, 0.587, 0.114], rtol=1e-5)
    assert not pd.isna(found).any()
