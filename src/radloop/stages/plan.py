"""Plan: what the training cases look like, and from that the grid, the patch and the network that fit in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from radloop.dicom.volume import Volume
from radloop.errors import GateClosed, StudyRejected
from radloop.files import replacing, write_json, write_text
from radloop.params import Paths, Segmentation
from radloop.progress import progress_bar
from radloop.segmentation.cases import Case, Wanted, cases_of, read_teaching
from radloop.segmentation.fingerprint import fingerprint
from radloop.segmentation.grids import turned, turned_voxels
from radloop.segmentation.plan import plan

PLAN = "plan.yaml"


def run(case: Segmentation, paths: Paths) -> None:
    """Fingerprint the training cases and make the plan; values that params.yaml fixes overrule it.

    Writes plan.yaml, fingerprint.json and summary.json (cases by split, and what was left out by reason).
    Raises GateClosed where no training case is left, ConfigurationError where nothing fits the memory budget.
    """
    dealt, left_out = dealt_cases(paths, case)
    training = [one for one, split in dealt if split == "train"]
    if not training:
        raise GateClosed("no case of the training split has an accepted image and mask.", "read validate's report")
    refused = Counter[str]()
    seen = fingerprint(
        _usable(paths, case, training, refused), list(case.task.labels), case.resample.largest_anisotropy
    )
    made = plan(seen, case.plan)
    splits = Counter(split for _, split in dealt)
    with replacing(paths.stage(case.name, "plan")) as folder:
        write_text(folder / PLAN, made.to_yaml())
        write_json(folder / "fingerprint.json", seen.model_dump(mode="json"))
        write_json(folder / "summary.json", {"cases": dict(splits), "left_out": left_out, "refused": dict(refused)})


def dealt_cases(paths: Paths, case: Segmentation) -> tuple[list[tuple[Case, str]], dict[str, int]]:
    """Every case of accepted images and masks with its split, and how many masks made none, by reason."""
    validated = paths.stage(case.name, "validate")
    images = pd.read_parquet(validated / "accepted.parquet")
    masks = pd.read_parquet(validated / "masks.parquet")
    masks = masks[[len(why) == 0 for why in masks["reasons"]]]
    found, left_out = cases_of(images, masks, case.task.images)
    split = pd.read_parquet(paths.stage(case.name, "split") / "split.parquet").set_index("record_id")["split"]
    return [(one, str(split[one.name])) for one in found if one.name in split.index], left_out


def _usable(
    paths: Paths, case: Segmentation, cases: Sequence[Case], refused: Counter[str]
) -> Iterator[tuple[tuple[Volume, ...], np.ndarray]]:
    """Each case as the network will see it, axes to left, back and head; what cannot teach is counted in `refused`."""
    snapshot: Path = paths.snapshot(case.name)
    wanted = Wanted(case.task.labels, case.resample.largest_anisotropy)
    with progress_bar("looking at training cases", len(cases)) as advance:
        for one in cases:
            advance(1)
            try:
                images, mask = read_teaching(snapshot, one, wanted)
            except StudyRejected as refusal:
                refused[refusal.reason] += 1
                continue
            yield tuple(turned(image) for image in images), turned_voxels(mask, images[0].affine)
