"""Pictures for planted objects: smooth shades and noise, with a name written into some."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROWS, COLUMNS = 96, 256
WHITE, BRIGHTEST = 4095, 3000  # of 12 bits: no pixel but one of text is brighter than the second


def shades(*seed: int) -> np.ndarray:
    """A picture of [96, 256] uint16 with no value above `BRIGHTEST`."""
    random = np.random.default_rng(list(seed))
    coarse = random.uniform(300, 2600, (6, 16)).astype(np.float32)
    smooth = np.asarray(Image.fromarray(coarse).resize((COLUMNS, ROWS), Image.Resampling.BICUBIC))
    return np.clip(smooth + random.normal(0, 40, (ROWS, COLUMNS)), 0, BRIGHTEST).astype("<u2")


def write_on(picture: np.ndarray, lines: str) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """The picture with white text, and the box (left, top, right, bottom) that the text fills."""
    from matplotlib import get_data_path  # heavy, and it ships the font

    font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", 16)
    mask = Image.new("L", (COLUMNS, ROWS))
    ImageDraw.Draw(mask).multiline_text((6, 6), lines, fill=255, font=font)
    drawn = np.asarray(mask) > 127
    down, across = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    box = (int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1)
    return np.where(drawn, WHITE, picture).astype("<u2"), box


def is_hidden(picture: np.ndarray, box: tuple[int, int, int, int]) -> bool:
    """Whether the strokes are gone from a box: nothing in it, or everything, is as bright as they were."""
    left, top, right, bottom = box
    share = float((picture[top:bottom, left:right] > (WHITE + BRIGHTEST) // 2).mean())
    return not 0.01 <= share <= 0.99
