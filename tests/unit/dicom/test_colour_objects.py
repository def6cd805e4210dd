"""Colour is stored as it came where it lies plain, as RGB where a codec gave it, and never without what explains it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pydicom.data
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEGBaseline8Bit,
    RLELossless,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
    VLPhotographicImageStorage,
)

from radloop.dicom.deidentify import deidentify, to_bytes
from radloop.dicom.frame_reader import FrameReader
from radloop.dicom.parse import parse
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_object
from radloop.dicom.strip import strip
from radloop.errors import StudyRejected
from radloop.sections.intake import Deidentify
from radloop.sources.instance import read_instance

Film = Callable[..., Dataset]
FileOf = Callable[[Dataset], bytes]
ROWS, COLUMNS, FRAMES = 12, 10, 3
PIXELS = np.random.default_rng(1).integers(0, 256, (FRAMES, ROWS, COLUMNS, 3), np.uint8)
COLOUR: dict[str, dict[str, Any]] = {
    "RGB": {"PixelData": PIXELS.tobytes()},
    "RGB by plane": {"PixelData": PIXELS.transpose(0, 3, 1, 2).tobytes(), "PlanarConfiguration": 1},
    "YBR_FULL": {"PixelData": PIXELS.tobytes(), "PhotometricInterpretation": "YBR_FULL"},
    "YBR_FULL_422": {
        "PixelData": PIXELS[..., :2].tobytes(), "PhotometricInterpretation": "YBR_FULL_422", "PlanarConfiguration": 0,
    },
}  # fmt: skip


def under(**knobs: Any) -> Pseudonyms:
    return Pseudonyms(b"a key that only this test knows....", Profile(Deidentify(**knobs)))


def cine(film: Film, **changes: Any) -> Dataset:
    """A colour loop of ultrasound whose header is full of identity, and that says that nothing is burned in."""
    told = {
        "SOPClassUID": UltrasoundMultiFrameImageStorage, "Modality": "US", "NumberOfFrames": FRAMES, "Rows": ROWS,
        "Columns": COLUMNS, "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0,
        "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "BurnedInAnnotation": "NO", "FrameTime": "33",
        "FrameIncrementPointer": 0x00181063,
    }  # fmt: skip
    return film(**{keyword: value for keyword, value in {**told, **changes}.items() if value is not None})


def palette(film: Film) -> Dataset:
    tables = {
        f"{name}PaletteColorLookupTable{part}": value
        for at, name in enumerate(("Red", "Green", "Blue"))
        for part, value in (
            ("Descriptor", [256, 0, 16]), ("Data", (np.arange(256, dtype="<u2") * (at + 1)).tobytes() + b"Zanzibar"),
        )
    }  # fmt: skip
    return cine(
        film, SamplesPerPixel=1, PhotometricInterpretation="PALETTE COLOR", PlanarConfiguration=None,
        PixelData=PIXELS[..., 0].tobytes(), **tables,
    )  # fmt: skip


@pytest.mark.parametrize("kind", COLOUR)
def test_plain_colour_is_stored_byte_for_byte_alike_on_both_paths(film: Film, file_of: FileOf, kind: str) -> None:
    told = COLOUR[kind]
    content = file_of(cine(film, **{**told, "PixelData": told["PixelData"] + b"tail secret."}))
    parse(content)  # the fast path takes it
    stripped = strip(content, under())
    assert stripped.content == to_bytes(deidentify(read_object(content)[0], under()))
    stored = pydicom.dcmread(io.BytesIO(stripped.content))
    assert stored.PixelData == told["PixelData"] == bytes(stripped.pixels)
    assert stored.PhotometricInterpretation == told.get("PhotometricInterpretation", "RGB")
    assert (stored.SamplesPerPixel, stored.PlanarConfiguration) == (3, told.get("PlanarConfiguration", 0))
    assert stored.NumberOfFrames == FRAMES and stored.FrameIncrementPointer == 0x00181063


def test_nothing_planted_is_left_of_a_colour_loop(film: Film, file_of: FileOf, planted: tuple[str, ...]) -> None:
    stored = strip(file_of(cine(film, **COLOUR["RGB"])), under()).content
    assert not [word for word in planted if word.encode() in stored[:]]


def test_a_palette_keeps_its_tables_and_nothing_behind_them(film: Film, file_of: FileOf) -> None:
    content = file_of(palette(film))
    stripped = strip(content, under())
    assert stripped.content == to_bytes(deidentify(read_object(content)[0], under()))
    stored = pydicom.dcmread(io.BytesIO(stripped.content))
    assert b"Zanzibar" not in stripped.content[:]
    assert (np.frombuffer(stored.BluePaletteColorLookupTableData, "<u2") == np.arange(256) * 3).all()
    shown = pydicom.pixels.apply_color_lut(stored.pixel_array, stored)
    np.testing.assert_array_equal(shown[..., 1], PIXELS[..., 0].astype(int) * 2)


def jpeg(frame: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(frame).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def test_compressed_colour_is_stored_as_rgb_frame_by_frame(film: Film, file_of: FileOf) -> None:
    smooth = np.stack([np.full((ROWS, COLUMNS, 3), (200, 30 * n, 60), np.uint8) for n in range(FRAMES)])
    sent = cine(film, PhotometricInterpretation="YBR_FULL_422", PixelData=encapsulate([jpeg(one) for one in smooth]))
    sent.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    sent["PixelData"].VR, sent["PixelData"].is_undefined_length = "OB", True
    stripped = strip(file_of(sent), under())
    stored = pydicom.dcmread(io.BytesIO(stripped.content))
    assert (stored.PhotometricInterpretation, stored.PlanarConfiguration) == ("RGB", 0)
    frames = np.frombuffer(stored.PixelData, np.uint8).reshape(smooth.shape)
    assert np.abs(frames.astype(int) - smooth).max() <= 3, "JPEG loses that much of one colour"


def test_run_lengths_of_colour_lose_nothing(film: Film, file_of: FileOf) -> None:
    sent = cine(film, **COLOUR["RGB"])
    sent.compress(RLELossless, generate_instance_uid=False)
    stored = pydicom.dcmread(io.BytesIO(strip(file_of(sent), under()).content))
    np.testing.assert_array_equal(np.frombuffer(stored.PixelData, np.uint8).reshape(PIXELS.shape), PIXELS)
    np.testing.assert_array_equal(list(FrameReader(stored)), PIXELS)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"PhotometricInterpretation": "YBR_PARTIAL_422"}, "colour"),
        ({"PhotometricInterpretation": "MONOCHROME2"}, "colour"),
        ({"PlanarConfiguration": None}, "colour"),
        ({"PlanarConfiguration": 2}, "colour"),
        ({"PhotometricInterpretation": "YBR_FULL_422", "Columns": 9}, "colour"),
        ({"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}, "colour"),
        ({"PixelRepresentation": 1}, "colour"),
        ({"PhotometricInterpretation": "YBR_RCT"}, "undecodable_pixels"),
        ({"PixelData": PIXELS.tobytes()[:-2]}, "truncated"),
        ({"BurnedInAnnotation": None}, "burned_in_text_unknown"),
        ({"BurnedInAnnotation": "YES"}, "burned_in_annotation"),
        ({"Modality": "DX", "BurnedInAnnotation": None}, "burned_in_text_unknown"),
        ({"SOPClassUID": VLPhotographicImageStorage, "Modality": "XC"}, "recognisable_face"),
    ],
)
def test_colour_that_cannot_be_stored_for_sure_is_refused(
    film: Film, file_of: FileOf, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(StudyRejected) as refusal:
        strip(file_of(cine(film, **{**COLOUR["RGB"], **changes})), under())
    assert refusal.value.reason == reason


def test_colour_is_never_called_clean_of_text(film: Film, file_of: FileOf) -> None:
    for changes in ({}, {"SOPClassUID": UltrasoundImageStorage, "Modality": "DX"}):
        with pytest.raises(StudyRejected) as refusal:
            strip(file_of(cine(film, **COLOUR["RGB"], **changes)), under(clean_pixel_data="clean"))
        assert refusal.value.reason == "burned_in_text_unsure"


def test_the_catalog_row_tells_frames_and_colour(film: Film, file_of: FileOf) -> None:
    record = read_instance(file_of(cine(film, **COLOUR["YBR_FULL"])), under()).record
    assert (record.frames, record.photometric_interpretation, record.rows) == (FRAMES, "YBR_FULL", ROWS)
    one = read_instance(file_of(cine(film, NumberOfFrames=None, PixelData=PIXELS[0].tobytes())), under()).record
    assert one.frames is None
    assert one.pixel_sha256 != record.pixel_sha256


def test_colour_painted_on_grey_keeps_its_tables_and_counts_as_colour(film: Film, file_of: FileOf) -> None:
    tables = {
        f"{name}PaletteColorLookupTable{part}": value
        for name in ("Red", "Green", "Blue")
        for part, value in (("Descriptor", [4, 4096, 16]), ("Data", b"abcdefgh"))
    }
    painted = file_of(film(PixelPresentation="COLOR", BurnedInAnnotation="NO", **tables))
    stored = pydicom.dcmread(io.BytesIO(strip(painted, under()).content))
    assert stored.RedPaletteColorLookupTableData == b"abcdefgh"
    grey = pydicom.dcmread(io.BytesIO(strip(file_of(film(**tables)), under()).content))
    assert "RedPaletteColorLookupTableData" not in grey, "what nothing refers to may be anything"
    with pytest.raises(StudyRejected) as refusal:
        strip(file_of(film(PixelPresentation="COLOR", **tables)), under())
    assert refusal.value.reason == "burned_in_text_unknown"


def real_colour() -> list[Path]:
    """pydicom's own files of three samples a pixel that tell all that is asked for."""
    found = []
    for path in sorted((Path(pydicom.data.__file__).parent / "test_files").glob("*.dcm")):
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
            if header.SamplesPerPixel == 3 and header.PatientID and header.StudyInstanceUID:
                found.append(path)
        except (AttributeError, pydicom.errors.InvalidDicomError):
            continue
    return found


@pytest.mark.filterwarnings("ignore")
def test_real_colour_is_stored_with_the_very_values_that_pydicom_decodes() -> None:
    pseudonyms, equal, refused = under(clean_pixel_data="keep"), 0, []
    for path in real_colour():
        try:
            stored = pydicom.dcmread(io.BytesIO(strip(path.read_bytes(), pseudonyms).content))
        except StudyRejected as refusal:
            refused.append(refusal.reason)
            continue
        np.testing.assert_array_equal(stored.pixel_array, pydicom.dcmread(path).pixel_array, err_msg=path.name)
        equal += 1
    assert equal >= 18
    assert set(refused) <= {"colour", "undecodable_pixels"}, "16 bits a sample, and lossless JPEG of colour"
