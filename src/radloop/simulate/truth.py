"""The truth of a simulated set, beside the files and apart from the labels that a source reads."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from radloop.simulate.dicom_out import instance_uid
from radloop.simulate.findings import Mask
from radloop.simulate.knobs import Hospital
from radloop.simulate.population import Study

TRUTH_FILE = "truth.parquet"
LABELS_FILE = "labels.csv"
MASK = pa.struct(
    [
        ("finding", pa.string()),
        ("severity", pa.float32()),
        ("box", pa.list_(pa.int32())),
        ("runs", pa.list_(pa.int32())),
    ]
)
SCHEMA = pa.schema(
    [
        ("sop_instance_uid", pa.string()),
        ("index", pa.int64()),
        ("file", pa.string()),
        ("patient", pa.int64()),
        ("visit", pa.int32()),
        ("findings", pa.list_(pa.string())),
        ("recorded", pa.list_(pa.string())),
        ("masks", pa.list_(MASK)),
        ("planted", pa.list_(pa.string())),
        ("sex", pa.string()),
        ("age", pa.float32()),
        ("view", pa.string()),
        ("site", pa.string()),
        ("manufacturer", pa.string()),
        ("model", pa.string()),
        ("kvp", pa.float32()),
        ("acquired", pa.timestamp("s")),
        ("turns", pa.int32()),
        ("inverted", pa.bool_()),
    ]
)


def run_lengths(mask: Mask) -> list[int]:
    """Row-wise run lengths of a mask, beginning with the run of False (it may be 0 long)."""
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return [0, *runs] if flat[0] else runs


def from_run_lengths(runs: list[int], shape: tuple[int, int]) -> Mask:
    """The mask that `run_lengths` wrote; raises ValueError where the lengths do not fill `shape`."""
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(shape)


def bounding_box(mask: Mask) -> list[int]:
    """Left, top, right, bottom in px, right and bottom exclusive; empty for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return []
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def truth_row(hospital: Hospital, planned: Study, masks: dict[str, Mask], file: str) -> dict[str, Any]:
    """One row of the truth table."""
    drawn = [
        {"finding": name, "severity": planned.severities[name], "box": bounding_box(mask), "runs": run_lengths(mask)}
        for name, mask in masks.items()
    ]
    return {
        "sop_instance_uid": instance_uid(hospital.seed, planned),
        "index": planned.index,
        "file": file,
        "patient": planned.patient,
        "visit": planned.visit,
        "findings": list(planned.findings),
        "recorded": list(planned.recorded),
        "masks": drawn,
        "planted": list(planned.planted),
        "sex": planned.sex,
        "age": planned.age,
        "view": planned.view,
        "site": planned.site.name,
        "manufacturer": planned.scanner.manufacturer,
        "model": planned.scanner.model,
        "kvp": planned.kvp,
        "acquired": planned.acquired.replace(microsecond=0),
        "turns": planned.turns,
        "inverted": planned.inverted,
    }


def write_truth(rows: list[dict[str, Any]], folder: Path) -> pa.Table:
    """Write `truth.parquet` and the `labels.csv` that a hospital's report system would export."""
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    pq.write_table(table, folder / TRUTH_FILE)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sop_instance_uid", "findings"])
    writer.writerows([row["sop_instance_uid"], "|".join(row["recorded"])] for row in rows)
    (folder / LABELS_FILE).write_text(text.getvalue())
    return table
