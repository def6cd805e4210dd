"""Names go from the picture, markers stay, and what cannot be read is not called clean."""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from radloop.burned_in import Unreadable, Unsure, blank, search
from radloop.burned_in.candidates import rows_of_glyphs
from radloop.burned_in.markers import is_harmless

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
reads = pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs Debian's tesseract-ocr")


def written(said: str, size: int = 28) -> np.ndarray:
    """A dark picture of 256 x 384 in 12 bits with a text in white."""
    canvas = Image.new("L", (384, 256), 20)
    ImageDraw.Draw(canvas).text((24, 100), said, fill=250, font=ImageFont.truetype(str(FONT), size))
    return np.asarray(canvas, np.uint16) * 16


@reads
@pytest.mark.parametrize("whole", [False, True])
def test_a_name_is_painted_over_and_the_rest_stays(whole: bool) -> None:
    picture = written("Kelmor, Vastin")
    clean = blank(picture, False, whole)
    assert (clean[picture > 2000] == picture.min()).all()
    assert not search(clean, whole).boxes


@reads
@pytest.mark.parametrize("said", ["PORTABLE", "R"])
def test_a_marker_stays(said: str) -> None:
    picture = written(said)
    assert blank(picture, False, False) is picture


@reads
@pytest.mark.parametrize("said", ["\u03a8\u03a6\u0416\u042e \u0429\u042d\u0394\u03a9", "PORTABLE KELMOR"])
def test_what_cannot_be_read_or_stands_beside_a_marker_goes(said: str) -> None:
    picture = written(said)
    clean = blank(picture, False, False)
    assert (clean[picture > 2000] == picture.min()).all()


@reads
def test_speckle_without_text_is_not_refused() -> None:
    random = np.random.default_rng(1)
    picture = np.zeros((256, 256), "u2")
    picture[40:220, 50:210] = np.clip(random.rayleigh(40, (180, 160)), 0, 255)
    assert (blank(picture, False, True)[:32] == 0).all()


@reads
def test_a_page_of_text_is_refused() -> None:
    with pytest.raises(Unsure):
        blank(written("Kelmor Vastin Ostfer\nLundgan Widsel Morbra\n" * 3, 30), False, True)


def test_without_tesseract_nothing_is_called_clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unreadable):
        blank(written("Kelmor, Vastin"), False, False)


def test_noise_and_an_empty_picture_hold_no_glyphs() -> None:
    noise = np.random.default_rng(0).normal(1000, 30, (512, 512)).astype("u2")
    for picture in (noise, np.zeros((64, 64), "u2"), np.zeros((3, 3), "u2")):
        assert not rows_of_glyphs(picture)


@pytest.mark.parametrize(
    ("words", "harmless"),
    [(("PORTABLE",), True), (("AP", "ERECT"), True), (("L",), True), (("Kelmor",), False), (("AP", "1203"), False)],
)
def test_markers_are_told_from_names(words: tuple[str, ...], harmless: bool) -> None:
    assert is_harmless(words) is harmless
