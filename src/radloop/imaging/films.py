"""Many films at once: stored bytes to prepared images and their statistics, on several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radloop.catalog import read_contents
from radloop.errors import StudyRejected
from radloop.imaging.pixels import read_pixels
from radloop.imaging.preprocess import Preprocess, preprocess
from radloop.imaging.statistics import image_statistics

#: Films that a process takes at a time: long enough to pay for the hand-over, short enough for a smooth bar.
CHUNK = 32
_NEEDED = ["content_type", "shard", "offset", "length"]


def prepare_film(content: bytes, content_type: str, settings: Preprocess) -> tuple[np.ndarray, dict[str, float]]:
    """One film from its bytes to the network's input, uint8 [size, size], and its statistics.

    Raises StudyRejected where the film cannot be read.
    """
    pixels = read_pixels(content, content_type)
    image = preprocess(pixels, settings)
    return image, image_statistics(pixels, image)


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
    with _progress(len(films)) as advance, _mapping(min(workers, len(chunks) // 4)) as mapped:
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
    types = films["content_type"].tolist()
    found: list[dict[str, Any]] = [{} for _ in types]
    for position, content in read_contents(snapshot, films):
        try:
            images[start + position], found[position] = prepare_film(content, types[position], settings)
        except StudyRejected as rejection:
            found[position] = {"rejected": rejection.reason}
    return found


@contextmanager
def _mapping(workers: int) -> Iterator[Callable[..., Any]]:
    if workers <= 1:
        yield map
        return
    # spawned and not forked: reading Parquet has started threads, which a fork would freeze
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield pool.map


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console  # only a person at a terminal needs it
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("preparing films", total=total)
        yield lambda count: bar.advance(task, count)
