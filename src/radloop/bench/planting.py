"""Invented names drawn into pictures: how large, how clear, in which typeface and which way up, seed by seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from radloop.bench import backgrounds
from radloop.bench.backgrounds import SECTOR
from radloop.burned_in.boxes import Box

HELD_OUT = 5000  # first seed; thresholds were chosen on smaller ones, with other typefaces, and never on these
_SYLLABLES = ("bra", "kel", "mor", "tin", "vas", "lund", "ost", "fer", "gan", "wid", "sel", "ruk")
_TUNED = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif")
_UNSEEN = ("STIXGeneral", "STIXGeneralBol", "cmss10", "cmtt10")
BITMAP = 11  # pixels of the one bitmap typeface; larger ones repeat its pixels


@dataclass(frozen=True)
class Kind:
    """One kind of picture: how it is drawn, how large and how clear names are, and how it is searched.

    `opaque` names hide what lies behind, as a screen draws them; others are added to it, as light adds on film.
    `place` is where names stand, `regions` where the picture may keep anything.
    """

    name: str
    draw: Callable[[int], np.ndarray]
    sizes: tuple[int, ...]
    contrasts: tuple[float, ...]
    whole: bool
    opaque: bool
    place: Box | None = None
    regions: tuple[Box, ...] = ()


_SMALL, _FILM, _SCREEN = (8, 12, 20, 40), (0.15, 0.35, 0.8), (0.35, 0.6, 1.0)
KINDS = (
    Kind("radiograph, 512 x 512", backgrounds.film, (12, 18, 28, 40), _FILM, False, False),
    Kind("radiograph, 1024 x 1024", backgrounds.middle_film, (12, 18, 28, 60), _FILM, False, False),
    Kind("radiograph, 2048 x 2048", backgrounds.full_film, (16, 28, 48, 90), _FILM, False, False),
    Kind("radiograph, 3000 x 2500", backgrounds.large_film, (16, 28, 48, 90), _FILM, False, False),
    Kind("slice captured, 512 x 512", backgrounds.slice_capture, _SMALL, _SCREEN, True, True),
    Kind("dark screen, 1024 x 768", backgrounds.screen, _SMALL, _SCREEN, True, True),
    Kind("white page, 850 x 1100", backgrounds.page, _SMALL, _SCREEN, True, True),
    Kind("ultrasound, outside its region", backgrounds.ultrasound, _SMALL, _SCREEN, True, True,
         Box(0, 0, SECTOR.top, 512), (SECTOR,)),
    Kind("ultrasound, inside its region", backgrounds.ultrasound, _SMALL, _SCREEN, True, True, SECTOR, (SECTOR,)),
)  # fmt: skip


class Drawn(NamedTuple):
    """How a name was drawn: its height in pixels, its contrast, its typeface, and whether it runs up or down."""

    size: int
    contrast: float
    typeface: str
    turned: bool


@dataclass(frozen=True)
class Planted:
    """A picture, where a name's ink is (nowhere in a picture without), and how the name was drawn."""

    picture: np.ndarray
    ink: np.ndarray
    drawn: Drawn | None = None


def plain(kind: Kind, seed: int) -> Planted:
    """A picture without text."""
    picture = kind.draw(seed)
    return Planted(picture, np.zeros(picture.shape, bool))


def plant(kind: Kind, at: int, first: int) -> Planted:
    """The `at`-th name of a kind, on a picture of its own: sizes and contrasts in turns, the rest by the seed."""
    picture, random = kind.draw(first + at), np.random.default_rng([first + at, len(kind.name)])
    size, contrast = kind.sizes[at % len(kind.sizes)], kind.contrasts[at // len(kind.sizes) % len(kind.contrasts)]
    typefaces = _TUNED if first < HELD_OUT else _UNSEEN
    typeface = "bitmap" if kind.opaque and random.random() < 0.3 else str(random.choice(typefaces))
    mask = _drawn(_name(random), typeface, size)
    place = kind.place or Box(0, 0, *picture.shape)
    turned = bool(random.random() < 0.25) and place.bottom - place.top > mask.shape[1] + 8
    if turned:
        mask = np.rot90(mask, 1 if random.random() < 0.5 else 3)
    mask = mask[: place.bottom - place.top - 4, : place.right - place.left - 4]  # a long name is cut
    top = int(random.integers(place.top + 2, place.bottom - mask.shape[0] - 1))
    left = int(random.integers(place.left + 2, place.right - mask.shape[1] - 1))
    written, ink = _written(picture, mask, Box(top, left, top + mask.shape[0], left + mask.shape[1]), kind, contrast)
    return Planted(written, ink, Drawn(size, contrast, typeface, turned))


def _written(
    picture: np.ndarray, share: np.ndarray, box: Box, kind: Kind, contrast: float
) -> tuple[np.ndarray, np.ndarray]:
    """The picture with a name, bright on dark or dark on bright, and where the ink can be seen."""
    drawn = picture.astype(np.float32)
    low, high = (0.0, 255.0) if picture.dtype == np.uint8 else (float(picture.min()), float(picture.max()))
    step = contrast * (high - low)
    part = drawn[box.top : box.bottom, box.left : box.right]
    before, middle = part.copy(), float(np.median(part))
    value = min(middle + step, high) if middle < (low + high) / 2 else max(middle - step, low)
    sign = 1 if value >= middle else -1
    part[:] = before + share * (value - before) if kind.opaque else np.maximum(before + sign * share * step, low)
    ink = np.zeros(picture.shape, bool)
    ink[box.top : box.bottom, box.left : box.right] = (share > 0.5) & (np.abs(part - before) >= step / 2)
    return np.rint(drawn).astype(picture.dtype), ink


def _drawn(said: str, typeface: str, size: int) -> np.ndarray:
    """How much of each pixel a name covers [rows, columns], `size` pixels from ascender to descender."""
    font = ImageFont.load_default_imagefont() if typeface == "bitmap" else _font(typeface, size)
    left, top, right, bottom = (round(side) for side in font.getbbox(said))
    mask = Image.new("L", (right - left + 4, bottom - top + 4))
    ImageDraw.Draw(mask).text((2 - left, 2 - top), said, fill=255, font=font)
    share = np.asarray(mask, np.float32) / 255
    return np.kron(share, np.ones((_pixel(size),) * 2, np.float32)) if typeface == "bitmap" else share


def _pixel(size: int) -> int:
    return max(1, round(size / BITMAP))


def _font(typeface: str, size: int) -> ImageFont.FreeTypeFont:
    import matplotlib  # its folder of typefaces alone

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{typeface}.ttf"), size)


def _name(random: np.random.Generator) -> str:
    surname, given = ("".join(random.choice(_SYLLABLES, 2)) for _ in range(2))
    day, month, year = (int(random.integers(*span)) for span in ((1, 28), (1, 12), (1930, 1999)))
    forms = (
        f"{surname}, {given}".title(),
        f"{surname} {given}".upper(),
        f"MRN {random.integers(100000, 999999)}",
        f"{surname.title()} {day:02}.{month:02}.{year}",
    )
    return str(random.choice(forms))
