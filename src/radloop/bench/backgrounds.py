"""Pictures without text to plant names on: films, slices, screens, pages and ultrasound, each seed another."""

from __future__ import annotations

import numpy as np
from PIL import Image

from radloop.burned_in.boxes import Box
from radloop.burned_in.candidates import rendered
from radloop.simulate.hospital import simulate_study
from radloop.simulate.knobs import Hospital

SIDE = 512
SECTOR = Box(40, 48, 500, 464)  # where an ultrasound picture shows echoes


def film(seed: int) -> np.ndarray:
    """A simulated radiograph of 512 x 512."""
    return _simulated(seed, SIDE)


def large_film(seed: int) -> np.ndarray:
    """A simulated radiograph of 3000 x 2500 with the noise of its own pixels."""
    random = np.random.default_rng(seed)
    grown = Image.fromarray(_simulated(seed, 2048).astype(np.float32)).resize((2500, 3000), Image.Resampling.BICUBIC)
    noisy = np.asarray(grown) + random.normal(0, 12, (3000, 2500)).astype(np.float32)
    return np.asarray(np.clip(noisy, 0, 4095), np.uint16)


def middle_film(seed: int) -> np.ndarray:
    """A simulated radiograph of 1024 x 1024."""
    return _simulated(seed, 1024)


def full_film(seed: int) -> np.ndarray:
    """A simulated radiograph of 2048 x 2048."""
    return _simulated(seed, 2048)


def slice_capture(seed: int) -> np.ndarray:
    """A slice of an invented body under a window, as a workstation captures it in 8 bits."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    hounsfield = np.full((SIDE, SIDE), -1000.0, np.float32)
    middle = SIDE / 2 + random.uniform(-15, 15, 2)
    for _ in range(9):
        inner = random.uniform(-1, 1, 2) * (70, 110) if hounsfield.max() > 0 else np.zeros(2)
        half = random.uniform(12, 45, 2) if hounsfield.max() > 0 else random.uniform((130, 180), (180, 230))
        inside = ((y - middle[0] - inner[0]) / half[0]) ** 2 + ((x - middle[1] - inner[1]) / half[1]) ** 2 < 1
        hounsfield[inside] = random.choice((-850, -90, 40, 60, 120, 700)) if hounsfield.max() > 0 else 50
    noisy = hounsfield + random.normal(0, 25, hounsfield.shape)
    level, width = ((50, 400), (-500, 1500), (300, 1800))[random.integers(3)]
    return np.asarray(np.clip((noisy - level) / width + 0.5, 0, 1) * 255, np.uint8)


def screen(seed: int) -> np.ndarray:
    """A dark screen of 1024 x 768: a film in a window, beside flat panels, bars and a curve."""
    random = np.random.default_rng(seed)
    shown = np.full((768, 1024), int(random.integers(0, 60)), np.uint8)
    side = int(random.integers(300, 480))
    top, left = int(random.integers(40, 768 - side)), int(random.integers(10, 1014 - side))
    small = Image.fromarray(rendered(film(seed))).resize((side, side), Image.Resampling.BILINEAR)
    for _ in range(4):
        y, x = int(random.integers(30, 700)), int(random.integers(0, 900))
        shown[y : y + int(random.integers(20, 200)), x : x + int(random.integers(40, 300))] = random.integers(0, 110)
    shown[top : top + side, left : left + side] = np.asarray(small)
    shown[: int(random.integers(10, 30))] = random.integers(90, 220)
    across = np.arange(20, 1000)
    curve = 700 + 30 * np.sin(across / random.uniform(8, 30)) * np.sin(across / random.uniform(60, 90))
    shown[curve.astype(int), across] = 230
    return shown


def page(seed: int) -> np.ndarray:
    """A white page of 1100 x 850 with the lines of a form and a shaded graph, and nothing written."""
    random = np.random.default_rng(seed)
    paper = np.full((1100, 850), int(random.integers(235, 256)), np.uint8)
    rows = np.arange(int(random.integers(120, 200)), int(random.integers(500, 700)), int(random.integers(40, 80)))
    for row in rows:
        paper[row : row + 2, 60:790] = random.integers(0, 120)
    for column in random.integers(80, 770, 3):
        paper[rows[0] : rows[-1], column : column + 2] = 90
    for at, high in enumerate(random.integers(20, 200, 8)):
        paper[1000 - high : 1000, 120 + at * 70 : 160 + at * 70] = random.integers(60, 200)
    return paper


def ultrasound(seed: int) -> np.ndarray:
    """A sector of speckle on black with a scale of greys and marks of depth, 600 x 512, its head empty."""
    random = np.random.default_rng(seed)
    shown = np.zeros((600, SIDE), np.uint8)
    high, wide = SECTOR.bottom - SECTOR.top, SECTOR.right - SECTOR.left
    y, x = np.mgrid[:high, :wide].astype(np.float32)
    depth, angle = np.hypot(y + 30, x - wide / 2), np.arctan2(x - wide / 2, y + 30)
    coarse = random.normal(size=(high // 12, wide // 12)).astype(np.float32)
    tissue = np.asarray(Image.fromarray(coarse).resize((wide, high), Image.Resampling.BICUBIC))
    fine = Image.fromarray(random.rayleigh(50, (high // 2, wide)).astype(np.float32))
    echo = np.asarray(fine.resize((wide, high), Image.Resampling.BICUBIC)) * np.exp(0.5 * tissue - depth / 600)
    inside = (depth > 40) & (depth < 440) & (np.abs(angle) < 0.7)
    shown[SECTOR.top : SECTOR.bottom, SECTOR.left : SECTOR.right] = np.where(inside, np.clip(echo, 0, 255), 0)
    shown[60:260, 480:492] = np.linspace(255, 0, 200)[:, None]
    shown[SECTOR.top : SECTOR.bottom : 46, 466:472] = 200
    return shown


def _simulated(seed: int, side: int) -> np.ndarray:
    pixels, _, _ = simulate_study(Hospital(image_size=side, seed=seed), 0)
    return np.asarray(pixels)
