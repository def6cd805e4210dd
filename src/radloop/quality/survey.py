"""One reading of every film of a snapshot: its measures, its fingerprint, and whether it can be read at all."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radloop.catalog import map_contents
from radloop.errors import StudyRejected
from radloop.imaging.pixels import sampled_frames
from radloop.imaging.resample import shrink
from radloop.imaging.statistics import film_statistics
from radloop.parallel import mapping
from radloop.progress import progress_bar
from radloop.quality.fingerprints import fingerprint
from radloop.quality.pixels import PixelMeasures, measure_pixels
from radloop.records import QUALITY

#: Films that a worker takes at a time: long enough to pay for the hand-over, short enough for a smooth bar.
CHUNK = 32
#: Columns of a survey besides the record id.
MEASURES = tuple(field.name for field in fields(PixelMeasures))
COLUMNS = ("record_id", *MEASURES, *QUALITY, "unreadable", "altered", "bits", "thumbnail")


def survey(folder: Path, catalog: pd.DataFrame, workers: int) -> pd.DataFrame:
    """Read every film once and keep what validate and split need of it, so that no later step opens it for that.

    `folder`: the snapshot; `catalog`: Stored columns. Returns one row per row of `catalog`, in its order:
    record_id, the fields of PixelMeasures, `records.QUALITY`, `unreadable` (None or the reason),
    `altered` (True where the bytes are not those of the catalog's sha256), `bits` and `thumbnail` of the fingerprint.
    """
    needed = catalog[
        ["record_id", "sha256", "content_type", "bits_stored", "pixel_spacing", "shard", "offset", "length"]
    ]
    chunks = [needed.iloc[start : start + CHUNK] for start in range(0, len(needed), CHUNK)]
    rows: list[dict[str, Any]] = []
    with progress_bar("reading films", len(needed)) as advance, mapping(min(workers, len(chunks) // 4)) as mapped:
        for part in mapped(partial(_survey_chunk, folder), chunks):
            rows.extend(part)
            advance(len(part))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def survey_film(content: bytes | memoryview, row: dict[str, Any]) -> dict[str, Any]:
    """One row of a survey; a film that cannot be read is a row too, because its absence must be told.

    Of an object with several frames, numbers are medians over `imaging.pixels.sampled_frames`, and the fingerprint is
    that of the frame in their middle.
    """
    found: dict[str, Any] = dict.fromkeys(COLUMNS)
    found.update(record_id=row["record_id"], altered=hashlib.sha256(content).hexdigest() != row["sha256"])
    try:
        frames = [_measured(pixels, row) for pixels in sampled_frames(content, row["content_type"])]
    except StudyRejected as rejection:
        return {**found, "unreadable": rejection.reason}
    mark = fingerprint(frames[len(frames) // 2][1])
    return {**found, **_middle([numbers for numbers, _ in frames]), **(asdict(mark) if mark else {})}


def _measured(pixels: np.ndarray, row: dict[str, Any]) -> tuple[dict[str, Any], np.ndarray]:
    """The numbers of one frame, and its thumbnail."""
    thumbnail = shrink(pixels)
    spacing = row.get("pixel_spacing")
    told = None if spacing is None or pd.isna(spacing) else float(spacing)
    bits = int(row["bits_stored"])
    return {**film_statistics(pixels, bits, told), **asdict(measure_pixels(pixels, bits, thumbnail))}, thumbnail


def _middle(frames: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each number over the frames that have it; a film's own where there is one frame."""
    if len(frames) == 1:
        return frames[0]
    found: dict[str, Any] = {}
    for name in frames[0]:
        told = sorted(frame[name] for frame in frames if frame[name] is not None)
        found[name] = told[len(told) // 2] if told else None
    return found


def _survey_chunk(folder: Path, chunk: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [dict(zip(chunk.columns, row, strict=True)) for row in chunk.itertuples(index=False)]
    found = {position: survey_film(content, rows[position]) for position, content in map_contents(folder, chunk)}
    return [found[position] for position in range(len(rows))]
