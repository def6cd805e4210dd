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

from radloop.dicom.deidentify import deidentify, to_bytes
from radloop.dicom.parse import parse
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_dicom
from radloop.dicom.splice import clean_pixels
from radloop.dicom.strip import strip
from radloop.dicom.told import Told
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


def test_a_film_that_says_portable_keeps_every_pixel(
    film: Callable[..., Dataset], file_of: Callable[[Dataset], bytes]
) -> None:
    picture = lettered("PORTABLE")
    content = file_of(film(Rows=256, Columns=384, PixelData=picture.tobytes()))
    assert bytes(strip(content, CLEANING).pixels) == picture.tobytes()
