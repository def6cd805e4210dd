"""Names go from the picture, markers stay, and what cannot be read is not called clean."""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from radloop.burned_in import Unreadable, Unsure, blank, search
from radloop.burned_in.boxes import Box
from radloop.burned_in.candidates import SCREEN, rows_of_glyphs
from radloop.burned_in.markers import is_marker

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
def test_of_regions_alone_something_stays_but_for_the_names_in_them() -> None:
    picture = written("Kelmor, Vastin")
    picture[:, :] += np.arange(384, dtype="u2")
    region = Box(60, 10, 220, 370)
    clean = blank(picture, False, True, (region,))
    beyond = np.ones(picture.shape, bool)
    beyond[region.top : region.bottom, region.left : region.right] = False
    assert (clean[beyond] == picture.min()).all() and (clean[picture > 2000] == picture.min()).all()
    assert (clean == picture)[~beyond].mean() > 0.75


def test_what_may_be_letters_is_refused_where_text_is_usual() -> None:
    picture = np.where(written("Kelmor, Vastin") > 2000, 1138, 1000).astype("u2")  # no level of 8 bits
    picture[:60, :80], picture[200:, :80] = 0, 2550
    assert blank(picture, False, False) is picture
    with pytest.raises(Unsure):
        blank(picture, False, True)


@reads
def test_a_name_that_runs_upward_goes() -> None:
    picture = np.rot90(written("Kelmor, Vastin")).copy()
    assert (blank(picture, False, False)[picture > 2000] == picture.min()).all()


@reads
@pytest.mark.parametrize("ink", [(255, 40, 40), (255, 255, 0), (0, 0, 0)])
def test_a_name_in_colour_goes_and_the_picture_stays_in_colour(ink: tuple[int, int, int]) -> None:
    letters = (written("Kelmor, Vastin") > 2000)[..., None]
    picture = np.where(letters, ink, (60, 90, 120)).astype("u1")
    clean = blank(picture, False, False)
    assert clean.shape == picture.shape and (clean[letters[..., 0]] == picture.min()).all()
    assert (clean[:64] == picture[:64]).all()


def test_letters_of_one_level_are_found_in_speckle() -> None:
    canvas = Image.new("L", (200, 24))
    ImageDraw.Draw(canvas).text((4, 4), "Kelmor, Vastin", fill=255, font=ImageFont.load_default_imagefont())
    picture = np.clip(np.random.default_rng(2).rayleigh(50, (256, 256)), 0, 255).astype("u1")
    letters = np.zeros(picture.shape, bool)
    letters[100:124, 30:230] = np.asarray(canvas) > 127
    picture[letters] = 120
    found = np.zeros(picture.shape, bool)
    for row in rows_of_glyphs(picture, SCREEN):
        found[row.box.top : row.box.bottom, row.box.left : row.box.right] = True
    assert found[letters].mean() > 0.9 and found.mean() < 0.1


def test_a_picture_too_small_to_be_searched_is_refused_where_text_is_usual() -> None:
    with pytest.raises(Unsure):
        blank(np.zeros((63, 300), "u1"), False, True)


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
    ("words", "marker"),
    [(("PORTABLE",), True), (("AP", "ERECT"), True), (("AP", "R"), True), (("Kelmor",), False), (("AP", "12"), False)],
)
def test_markers_are_told_from_names(words: tuple[str, ...], marker: bool) -> None:
    assert is_marker(words) is marker
