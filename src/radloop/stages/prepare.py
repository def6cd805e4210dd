"""Prepare: every accepted film once through the one preprocess, into a memory-mapped array with a row index."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from radloop.errors import GateClosed
from radloop.files import replacing, write_json
from radloop.imaging.films import prepare_films
from radloop.imaging.preprocess import Preprocess
from radloop.params import Classification, Paths
from radloop.records import QUALITY, STATISTICS, Stored, schema_of
from radloop.settings import load_settings

#: Columns of index.parquet: where an image lies, its record, its split, its label, its statistics.
SCHEMA = pa.schema([
    pa.field("row", pa.int64()), *schema_of(Stored), pa.field("split", pa.string()), pa.field("label", pa.bool_()),
    *(pa.field(name, pa.float64()) for name in STATISTICS),
])  # fmt: skip


def run(case: Classification, paths: Paths) -> None:
    """Prepare the accepted films of one use case.

    Writes images.npy (uint8 [n, size, size]), index.parquet (one row per image) and summary.json.
    Raises GateClosed where no accepted film is left.
    """
    films = films_of(paths, case.name)
    settings = Preprocess(**case.prepare.model_dump())
    with replacing(paths.stage(case.name, "prepare")) as folder:
        images = folder / "images.npy"
        found = prepare_films(paths.snapshot(case.name), films, settings, images, load_settings().workers)
        index = index_of(films, found, case.task.finding)
        if len(index) < len(films):
            keep_rows(images, index["position"].to_numpy())
        pq.write_table(
            pa.Table.from_pandas(index, schema=SCHEMA, preserve_index=False), folder / "index.parquet"
        )  # fmt: skip
        write_json(folder / "summary.json", summary_of(index, found, settings))


def films_of(paths: Paths, use_case: str) -> pd.DataFrame:
    """The accepted films that split has dealt, by record id, so that equal snapshots give equal arrays."""
    accepted = pd.read_parquet(paths.stage(use_case, "validate") / "accepted.parquet")
    accepted = accepted.drop(columns=list(QUALITY), errors="ignore")  # measured anew with what the model sees
    dealt = pd.read_parquet(paths.stage(use_case, "split") / "split.parquet", columns=["record_id", "split"])
    films = accepted.merge(dealt, on="record_id", validate="one_to_one").sort_values("record_id", ignore_index=True)
    if films.empty:
        raise GateClosed("no accepted film has been dealt to a split.", "read the reports of validate and split")
    return films


def index_of(films: pd.DataFrame, found: list[dict[str, Any]], finding: str) -> pd.DataFrame:
    """The row index: `films` with label and statistics, without those that could not be read.

    `label` is missing where nobody looked for findings. `position` is a film's place before others were left out.
    """
    readable = np.array(["rejected" not in facts for facts in found])
    labels = [None if findings is None else finding in findings for findings in films["findings"]]
    statistics = pd.DataFrame(found, columns=list(STATISTICS), index=films.index)
    index = pd.concat([films.assign(label=pd.Series(labels, dtype=object)), statistics], axis=1)
    index["position"] = np.arange(len(index))
    index = index[readable].reset_index(drop=True)
    return index.assign(row=np.arange(len(index)))


def keep_rows(path: Path, positions: np.ndarray) -> None:
    """Rewrite an array with the rows at `positions` only."""
    np.save(path, np.load(path, mmap_mode="r")[positions])


def summary_of(index: pd.DataFrame, found: list[dict[str, Any]], settings: Preprocess) -> dict[str, Any]:
    """What was prepared, in numbers that a person can check."""
    return {
        "images": len(index),
        "preprocess": settings.to_json(),
        "left_out": dict(Counter(facts["rejected"] for facts in found if "rejected" in facts)),
        "splits": {
            str(split): {
                "images": len(rows),
                "patients": int(rows["patient_id"].nunique()),
                "labelled": int(rows["label"].notna().sum()),
                "positive": int((rows["label"] == True).sum()),  # noqa: E712 - None is neither
            }
            for split, rows in index.groupby("split")
        },
    }
