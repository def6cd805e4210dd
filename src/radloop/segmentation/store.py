"""Cases as training reads them: all voxels in one file, all labels in another, and an index of who lies where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radloop.errors import ConfigurationError, StudyRejected
from radloop.parallel import mapping
from radloop.progress import progress_bar
from radloop.segmentation.cases import Case, Wanted, read_teaching
from radloop.segmentation.grids import Grid, sample_labels
from radloop.segmentation.patches import Cases, spots_of
from radloop.segmentation.plan import Plan
from radloop.segmentation.preprocess import plan_grid, scaled_channels

VOXELS, LABELS, INDEX = "voxels.bin", "labels.bin", "index.parquet"


@dataclass(frozen=True, eq=False)
class _Ready:
    voxels: np.ndarray  # float16 [channels, i, j, k]
    labels: np.ndarray  # uint8 [i, j, k]
    grid: Grid


def write_cases(
    folder: Path, snapshot: Path, cases: Sequence[Case], plan: Plan, wanted: Wanted, workers: int
) -> pd.DataFrame:
    """Bring every case onto the plan's grid and scale; returns the index, also of those that were left out.

    Columns: case, patient_id, offset (of its labels; voxels are behind one another in the same order, channels
    first), shape [3], affine [16] and millimetres [3] of its grid, and `rejected`, a reason or None.
    """
    rows, offset = [], 0
    one = partial(_ready, snapshot, plan, wanted)
    with (
        (folder / VOXELS).open("wb") as voxels, (folder / LABELS).open("wb") as labels,
        progress_bar("resampling cases", len(cases)) as advance, mapping(min(workers, len(cases) // 4)) as mapped,
    ):  # fmt: skip
        for case, ready in zip(cases, mapped(one, cases), strict=True):
            row: dict[str, Any] = {"case": case.name, "patient_id": case.patient, "offset": offset, "rejected": None}
            if isinstance(ready, str):
                rows.append({**row, "rejected": ready})
            else:
                voxels.write(ready.voxels.tobytes())
                labels.write(ready.labels.tobytes())
                rows.append({**row, **_place(ready)})
                offset += ready.labels.size
            advance(1)
    return pd.DataFrame(rows, columns=["case", "patient_id", "offset", "rejected", "shape", "affine", "spacing"])


def _place(ready: _Ready) -> dict[str, Any]:
    grid = ready.grid
    return {"shape": list(grid.shape), "affine": grid.affine.ravel().tolist(), "spacing": grid.spacing.tolist()}


def _ready(snapshot: Path, plan: Plan, wanted: Wanted, case: Case) -> _Ready | str:
    """A case on the plan's grid, or the reason why it teaches nothing."""
    try:
        images, mask = read_teaching(snapshot, case, wanted)
    except StudyRejected as refusal:
        return refusal.reason
    grid = plan_grid(images[0], plan)
    voxels = scaled_channels(images, grid, plan).astype(np.float16)
    return _Ready(voxels, sample_labels(mask, images[0], grid), grid)


def open_cases(folder: Path, rows: pd.DataFrame, channels: int, seed: int) -> Cases:
    """The cases of these rows of an index, memory-mapped, with the places of their labels.

    Raises ConfigurationError where `resample` has not run.
    """
    if not (folder / VOXELS).exists():
        raise ConfigurationError(f"no resampled cases in {folder}", "run the resample stage first")
    voxels, labels = (np.memmap(folder / name, kind, "r") for name, kind in ((VOXELS, np.float16), (LABELS, np.uint8)))
    shapes = np.array(rows["shape"].tolist(), dtype=int).reshape(-1, 3)
    offsets = rows["offset"].to_numpy(dtype=int)
    bare = Cases(voxels, labels, offsets, shapes, channels, ())
    return replace(bare, spots=tuple(spots_of(bare.mask(case), seed + case) for case in range(len(bare))))
