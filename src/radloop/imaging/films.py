"""Many films at once: stored bytes to prepared images and their statistics, on several processes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radloop.catalog import read_contents
from radloop.errors import StudyRejected
from radloop.imaging.pixels import read_pixels
from radloop.imaging.preprocess import Preprocess, preprocess
from radloop.imaging.statistics import image_statistics
from radloop.parallel import mapping
from radloop.progress import progress_bar

#: Films that a process takes at a time: long enough to pay for the hand-over, short enough for a smooth bar.
CHUNK = 32
_NEEDED = ["content_type", "bits_stored", "pixel_spacing", "shard", "offset", "length"]


def prepare_film(
    content: bytes,
    content_type: str,
    settings: Preprocess,
    bits_stored: int | None = None,
    pixel_spacing: float | None = None,
) -> tuple[np.ndarray, dict[str, float | None]]:
    """One film from its bytes to the network's input, uint8 [size, size], and its statistics.

    Raises StudyRejected where the film cannot be read.
    """
    pixels = read_pixels(content, content_type)
    image = preprocess(pixels, settings)
    return image, image_statistics(pixels, image, bits_stored, pixel_spacing)


def prepare_films(
    snapshot: Path, films: pd.DataFrame, settings: Preprocess, target: Path, workers: int
) -> list[dict[str, Any]]:
    """Prepare all `films` (Stored columns) of a snapshot into one array at `target`, uint8 [n, size, size].

    The processes write into the memory-mapped file itself, so no image travels between them. Returns per film its
    statistics, or {"rejected": reason} for one that cannot be read, whose image stays black.
    """
    images = np.lib.format.open_memmap(
        target, mode="w+", dtype=np.uint8, shape=(len(films), settings.size, settings.size)
    )
    starts = range(0, len(films), CHUNK)
    chunks = [(start, films[_NEEDED].iloc[start : start + CHUNK]) for start in starts]
    found: list[dict[str, Any]] = []
    with progress_bar("preparing films", len(films)) as advance, mapping(min(workers, len(chunks) // 4)) as mapped:
        for part in mapped(partial(_prepare_chunk, snapshot, settings, target), chunks):
            found.extend(part)
            advance(len(part))
    images.flush()
    return found


def _prepare_chunk(
    snapshot: Path, settings: Preprocess, target: Path, chunk: tuple[int, pd.DataFrame]
) -> list[dict[str, Any]]:
    start, films = chunk
    images = np.load(target, mmap_mode="r+")
    facts = films[["content_type", "bits_stored", "pixel_spacing"]].itertuples(index=False)
    told = [(kind, int(bits), None if pd.isna(spacing) else float(spacing)) for kind, bits, spacing in facts]
    found: list[dict[str, Any]] = [{} for _ in told]
    for position, content in read_contents(snapshot, films):
        try:
            images[start + position], found[position] = prepare_film(
                content, told[position][0], settings, *told[position][1:]
            )
        except StudyRejected as rejection:
            found[position] = {"rejected": rejection.reason}
    return found
