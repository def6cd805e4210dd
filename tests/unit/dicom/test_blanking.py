"""A film with a name in its pixels, through both paths to what is stored of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset
from pydicom.uid import UltrasoundImageStorage

from radloop.dicom.deidentify import deidentify, to_bytes
from radloop.dicom.parse import parse
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_dicom
from radloop.dicom.splice import clean_pixels
from radloop.dicom.strip import strip
from radloop.dicom.told import Told
from radloop.errors import StudyRejected
from radloop.sections.intake import Deidentify

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
KEY = b"a key that only this test knows...."
CLEANING = Pseudonyms(KEY, Profile(Deidentify(clean_pixel_data="clean")))
AT = (60, 40)  # left, top
pytestmark = pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs Debian's tesseract-ocr")


def lettered(said: str) -> np.ndarray:
    """Noise of 256 x 384 in 12 bits with a text in white."""
    canvas = Image.new("L", (384, 256))
    ImageDraw.Draw(canvas).text(AT, said, fill=255, font=ImageFont.truetype(str(FONT), 24))
    noise = np.random.default_rng(0).normal(1000, 20, (256, 384))
    return (noise + np.asarray(canvas, float) * 11).astype("<u2")


@pytest.mark.parametrize("inverted", [False, True])
def test_a_named_film_is_stored_alike_on_both_paths_without_the_name_alone(
    film: Callable[..., Dataset], file_of: Callable[[Dataset], bytes], inverted: bool
) -> None:
    picture = lettered("Kelmor, Vastin")
    sent = film(
        Rows=256, Columns=384, PixelData=picture.tobytes(), BitsAllocated=16, BitsStored=12, HighBit=11,
        PhotometricInterpretation="MONOCHROME1" if inverted else "MONOCHROME2",
    )  # fmt: skip
    content = file_of(sent)
    file = parse(content)
    assert clean_pixels(content, file, Told(file.elements)) is not None, "the fast path must take this film"
    stripped = strip(content, CLEANING)
    assert stripped.content == to_bytes(deidentify(read_dicom(content), CLEANING))

    stored = read_dicom(stripped.content)
    kept = np.frombuffer(stored.PixelData, "<u2").reshape(picture.shape)
    assert np.array_equal(np.frombuffer(stripped.pixels, "<u2").reshape(picture.shape), kept)
    assert (kept[picture > 2400] == (picture.max() if inverted else picture.min())).all()
    beyond = np.ones(picture.shape, bool)
    beyond[AT[1] - 16 : AT[1] + 44, AT[0] - 16 : AT[0] + 216] = False
    assert np.array_equal(kept[beyond], picture[beyond])
    assert stored.BurnedInAnnotation == "NO"
    assert "113101" in [item.CodeValue for item in stored.DeidentificationMethodCodeSequence]


def ultrasound(picture: np.ndarray, film: Callable[..., Dataset], *corners: tuple[int, int, int, int]) -> Dataset:
    """A picture of ultrasound that tells regions by left, top, right and bottom."""
    sent = film(
        Rows=256, Columns=384, PixelData=picture.tobytes(), BitsAllocated=16, BitsStored=12, HighBit=11,
        SOPClassUID=UltrasoundImageStorage, Modality="US",
    )  # fmt: skip
    sent.SequenceOfUltrasoundRegions = [Dataset() for _ in corners]
    for region, corner in zip(sent.SequenceOfUltrasoundRegions, corners, strict=True):
        region.RegionLocationMinX0, region.RegionLocationMinY0 = corner[:2]
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = corner[2:]
    return sent


def test_of_ultrasound_its_regions_alone_are_stored_alike_on_both_paths(
    film: Callable[..., Dataset], file_of: Callable[[Dataset], bytes]
) -> None:
    picture = lettered("Kelmor, Vastin")
    content = file_of(ultrasound(picture, film, (0, 100, 383, 199), (40, 200, 99, 239)))
    stripped = strip(content, CLEANING)
    assert stripped.content == to_bytes(deidentify(read_dicom(content), CLEANING))
    kept = np.frombuffer(stripped.pixels, "<u2").reshape(picture.shape)
    shown = np.zeros(picture.shape, bool)
    shown[100:200], shown[200:240, 40:100] = True, True
    assert (kept == picture)[shown].mean() > 0.9 and (kept[~shown] == picture.min()).all()


@pytest.mark.parametrize("corners", [(), ((0, 0, 383, 255),), ((0, 0, 384, 100),), ((50, 90, 50, 90),)])
def test_ultrasound_that_does_not_tell_where_it_shows_echoes_is_quarantined(
    film: Callable[..., Dataset], file_of: Callable[[Dataset], bytes], corners: tuple[tuple[int, int, int, int], ...]
) -> None:
    with pytest.raises(StudyRejected) as refused:
        strip(file_of(ultrasound(lettered("Kelmor"), film, *corners)), CLEANING)
    assert refused.value.reason == "burned_in_text_unsure"


def test_a_film_that_says_portable_keeps_every_pixel(
    film: Callable[..., Dataset], file_of: Callable[[Dataset], bytes]
) -> None:
    picture = lettered("PORTABLE")
    content = file_of(film(Rows=256, Columns=384, PixelData=picture.tobytes()))
    assert bytes(strip(content, CLEANING).pixels) == picture.tobytes()
