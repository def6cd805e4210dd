"""Contact sheets, for looking at SIMULATED films beside real ones."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radloop.simulate.hospital import simulate_study
from radloop.simulate.knobs import Hospital
from radloop.simulate.processing import DEEPEST

TILE = 256


def display(pixels: NDArray[np.uint16], monochrome1: bool) -> NDArray[np.uint8]:
    """8-bit display values, dense tissue bright."""
    levels = DEEPEST - pixels if monochrome1 else pixels
    return (levels >> 4).astype(np.uint8)


def film(hospital: Hospital, index: int, outline: bool) -> NDArray[np.uint8]:
    """One study as an RGB tile, the masks' borders in red where `outline`."""
    from PIL import Image

    pixels, masks, planned = simulate_study(hospital, index)
    grey = display(pixels, planned.scanner.monochrome1)
    small = np.asarray(Image.fromarray(grey).resize((TILE, TILE), Image.Resampling.BOX))
    tile = np.repeat(small[..., None], 3, axis=2).copy()
    for mask in masks.values() if outline else ():
        shape = Image.fromarray(mask).resize((TILE, TILE), Image.Resampling.NEAREST)
        inside = np.asarray(shape)
        border = inside & ~(
            np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1)
        )
        tile[border] = (230, 60, 50)
    return tile


def contact_sheet(
    hospital: Hospital,
    n: int,
    real_folder: Path | None = None,
    outline: bool = False,
    first: int = 0,
    columns: int = 4,
) -> NDArray[np.uint8]:
    """An RGB sheet of studies `first` to `first + n` - 1; with `real_folder`, a real film after each."""
    from PIL import Image

    tiles = []
    real = sorted(real_folder.glob("*.png")) if real_folder else []
    for k in range(n):
        tiles.append(film(hospital, first + k, outline))
        if real:
            grey = Image.open(real[(k * 37) % len(real)]).convert("RGB").resize((TILE, TILE))
            tiles.append(np.asarray(grey))
    tiles += [np.zeros((TILE, TILE, 3), np.uint8)] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)]
    return np.vstack(rows)
