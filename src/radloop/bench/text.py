"""How much burned-in text is found: invented names drawn on films, ultrasound-like and captured pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from radloop.burned_in import Unsure, blank
from radloop.burned_in.candidates import Row, rendered, rows_of_glyphs
from radloop.intervals import Interval, wilson
from radloop.simulate.hospital import simulate_study
from radloop.simulate.knobs import Hospital

SIDE = 512
SIZES = (12, 18, 28, 44)  # pixels from the ascender to the descender
CONTRASTS = (0.15, 0.35, 0.8)  # of the picture's range, between text and what lies behind it
GONE = 0.9  # of the ink that must be painted over for a text to count as found
FIRST = 1000  # seeds below were looked at while the search was tuned
T = TypeVar("T")
_SYLLABLES = ("bra", "kel", "mor", "tin", "vas", "lund", "ost", "fer", "gan", "wid", "sel", "ruk")


@dataclass(frozen=True)
class Tally:
    """What became of one kind of planted text, or of pictures without any (`size` 0): counts, share with interval.

    `blanked` texts were painted over, `refused` pictures quarantined; both keep a name in. Of pictures without text
    they are the false positives. The time is the median of one picture's whole search.
    """

    kind: str
    size: int
    contrast: float
    n: int
    blanked: int
    refused: int
    caught: Interval
    ms: float


def time_search(pictures: int, repeats: int = 20) -> float:
    """Milliseconds of the cheap search of one film of 512 x 512, median over films and repeats."""
    films = [_film(FIRST + seed) for seed in range(pictures)]
    return median(_clocked(_find, film)[1] for film in films for _ in range(repeats))


def measure_recall(texts: int, first: int = FIRST) -> Iterator[Tally]:
    """`texts` names for each kind, size and contrast, from seed `first` on; then as many pictures without any.

    Raises Unreadable where tesseract is missing.
    """
    for kind, (draw, whole) in KINDS.items():
        for size, contrast in product(SIZES, CONTRASTS):
            yield _tally(
                kind, size, contrast, whole, [_planted(draw, first + at, size, contrast) for at in range(texts)]
            )
        plain = [draw(first + at) for at in range(texts)]
        yield _tally(kind, 0, 0.0, whole, [(picture, np.ones(picture.shape, bool)) for picture in plain])


def measure_films(folder: Path) -> Tally:
    """What the search of candidates does to the films of a folder of PNG: how many are changed or refused."""
    films = [np.asarray(Image.open(path).convert("L")) for path in sorted(folder.rglob("*.png"))]
    return _tally("films of the folder", 0, 0.0, False, [(film, np.ones(film.shape, bool)) for film in films])


def _tally(kind: str, size: int, contrast: float, whole: bool, cases: list[tuple[np.ndarray, np.ndarray]]) -> Tally:
    blanked, refused, times = 0, 0, []
    for picture, ink in cases:
        outcome, took = _clocked(partial(_outcome, whole=whole), picture)
        times.append(took)
        if outcome is None:
            refused += 1
        elif outcome is not picture:
            gone = (outcome != picture) | (picture == picture.min())
            changed = gone[ink].mean() if size else 1.0
            blanked += bool(changed >= GONE)
    return Tally(
        kind, size, contrast, len(cases), blanked, refused, wilson(blanked + refused, len(cases)), median(times)
    )


def _outcome(picture: np.ndarray, whole: bool) -> np.ndarray | None:
    try:
        return blank(picture, False, whole)
    except Unsure:
        return None


def _find(film: np.ndarray) -> list[Row]:
    return rows_of_glyphs(film)


def _clocked(work: Callable[[np.ndarray], T], picture: np.ndarray) -> tuple[T, float]:
    began = time.perf_counter()
    done = work(picture)
    return done, 1000 * (time.perf_counter() - began)


def _planted(draw: Callable[[int], np.ndarray], seed: int, size: int, contrast: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture with a name, and where the ink is. Bright or dark, wherever it fits, in any of four typefaces."""
    picture, random = draw(seed).astype(np.float32), np.random.default_rng([seed, size, round(100 * contrast)])
    said = _name(random)
    font = ImageFont.truetype(str(_fonts()[random.integers(4)]), size)
    left, top, right, bottom = (round(side) for side in font.getbbox(said))
    width, height = right - left + 4, bottom - top + 4
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).text((2 - left, 2 - top), said, fill=255, font=font)
    y, x = (int(random.integers(4, SIDE - side - 4)) for side in (height, width))
    share = np.asarray(mask, np.float32) / 255
    span, darkest = float(picture.max() - picture.min()), float(picture.min())
    behind = picture[y : y + height, x : x + width]
    before = behind.copy()
    bright = float(np.median(behind) - picture.min()) < span / 2
    behind += share * span * (contrast if bright else -contrast)
    behind[:] = np.maximum(behind, darkest)
    ink = np.zeros(picture.shape, bool)
    seen = np.abs(behind - before) >= span * contrast / 2  # a dark letter on black is not there
    ink[y : y + height, x : x + width] = (share > 0.5) & seen
    return np.rint(picture).astype(np.uint16), ink


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


def _fonts() -> list[Path]:
    import matplotlib  # its folder of typefaces alone

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return [folder / f"DejaVu{name}.ttf" for name in ("Sans", "Sans-Bold", "SansMono", "Serif")]


@lru_cache(maxsize=32)  # every cell draws on the same films
def _film(seed: int) -> np.ndarray:
    pixels, _, _ = simulate_study(Hospital(image_size=SIDE, seed=seed), 0)
    return np.asarray(pixels)


def _ultrasound(seed: int) -> np.ndarray:
    """A sector of speckle on black, as a scanner shows it."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    depth, angle = np.hypot(y - 20, x - SIDE / 2), np.arctan2(x - SIDE / 2, y - 20)
    coarse = random.normal(size=(SIDE // 4, SIDE // 4)).astype(np.float32)
    tissue = np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    echo = random.rayleigh(40, (SIDE, SIDE)) * np.exp(0.5 * tissue - depth / 600)
    inside = (depth > 40) & (depth < 430) & (np.abs(angle) < 0.7)
    return np.asarray(np.where(inside, np.clip(echo, 0, 255), 0), np.uint16)


def _capture(seed: int) -> np.ndarray:
    """A screen: a film in a window beside flat panels."""
    random = np.random.default_rng(seed)
    screen = np.full((SIDE, SIDE), int(random.integers(0, 60)), np.uint16)
    film = rendered(_film(seed))[::2, ::2]
    top, left = (int(value) for value in random.integers(20, SIDE - 276, 2))
    screen[top : top + 256, left : left + 256] = film
    screen[:16] = 200
    return screen


#: Each kind of picture, and whether its kind is searched as a whole.
KINDS: dict[str, tuple[Callable[[int], np.ndarray], bool]] = {
    "film": (_film, False), "ultrasound": (_ultrasound, True), "capture": (_capture, True),
}  # fmt: skip
