"""Resample: every case once onto the plan's grid and scale, into files that training maps into memory."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from radloop.errors import GateClosed
from radloop.files import replacing, write_json
from radloop.params import Paths, Segmentation
from radloop.segmentation.cases import Wanted
from radloop.segmentation.plan import Plan
from radloop.segmentation.store import INDEX, write_cases
from radloop.settings import load_settings
from radloop.stages.plan import PLAN, dealt_cases


def run(case: Segmentation, paths: Paths) -> None:
    """Write voxels.bin, labels.bin, index.parquet (one row per case with its split) and summary.json.

    Raises GateClosed where the training or the validation split has no case left.
    """
    made = Plan.from_yaml((paths.stage(case.name, "plan") / PLAN).read_text())
    dealt, _ = dealt_cases(paths, case)
    wanted = Wanted(case.task.labels, case.resample.largest_anisotropy)
    cases, snapshot = [one for one, _ in dealt], paths.snapshot(case.name)
    with replacing(paths.stage(case.name, "resample")) as folder:
        index = write_cases(folder, snapshot, cases, made, wanted, load_settings().workers)
        index["split"] = [split for _, split in dealt]
        kept = index[index["rejected"].isna()]
        require_both(kept)
        index.to_parquet(folder / INDEX, index=False)
        counts = {str(split): int(count) for split, count in kept["split"].value_counts().sort_index().items()}
        write_json(folder / "summary.json", {"cases": counts, "left_out": dict(Counter(index["rejected"].dropna()))})


def require_both(kept: pd.DataFrame) -> None:
    """Training needs cases to learn from and cases to be judged by on the way. Raises GateClosed."""
    for split in ("train", "validation"):
        if not (kept["split"] == split).any():
            raise GateClosed(f"the {split} split has no case with a mask.", "ingest more labelled cases")
