"""Delineate held-out cases, with the bundle's own engine: what is judged is what will be served."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radloop.dicom.volume import Volume
from radloop.evaluation.overlap import rows_of
from radloop.files import replacing, write_bytes
from radloop.mask_bundle import MaskBundle, load_mask_bundle
from radloop.params import Paths, Segmentation
from radloop.progress import progress_bar
from radloop.segmentation.atlas import atlas_scores, average_masks
from radloop.segmentation.cases import Case, read_images, read_labels
from radloop.segmentation.grids import sample_back, turned, turned_voxels
from radloop.segmentation.measures import measure_case
from radloop.segmentation.plan import Plan
from radloop.segmentation.preprocess import plan_grid
from radloop.segmentation.store import INDEX, open_cases
from radloop.stages.plan import dealt_cases

MODEL, ATLAS = "model", "atlas"


def run(case: Segmentation, paths: Paths) -> None:
    """Delineate every test case with the bundle and with the average of the training masks, and measure both.

    Writes measures.parquet (a row for each case, structure and `by`: model or atlas), predictions.parquet (a row for
    each case with its record's columns), masks/ and slices/ (npz of each case: its mask; the slice that shows most of
    the true one, with both masks).
    """
    bundle = load_mask_bundle(paths.stage(case.name, "export") / "bundle")
    index = pd.read_parquet(paths.stage(case.name, "resample") / INDEX)
    kept = set(index.loc[index["rejected"].isna(), "case"])
    cases = [one for one, split in dealt_cases(paths, case)[0] if split == "test" and one.name in kept]
    average = average_of(paths.stage(case.name, "resample"), index, bundle.plan)
    rows: list[dict[str, Any]] = []
    with (
        replacing(paths.stage(case.name, "delineate")) as folder,
        progress_bar("delineating test cases", len(cases)) as advance,
    ):
        for one in cases:
            rows += _one(one, paths.snapshot(case.name), case, (bundle, average), folder)
            advance(1)
        pd.DataFrame(rows).to_parquet(folder / "measures.parquet", index=False)
        records = [one.series[0].iloc[0].to_dict() | {"case": one.name, "split": "test"} for one in cases]
        pd.DataFrame(records).to_parquet(folder / "predictions.parquet", index=False)


def average_of(resampled: Path, index: pd.DataFrame, made: Plan) -> np.ndarray:
    """The average mask of the training cases."""
    rows = index[index["rejected"].isna() & (index["split"] == "train")]
    training = open_cases(resampled, rows, made.channels, 0)
    return average_masks((training.mask(at) for at in range(len(training))), made.classes)


def _one(
    one: Case, snapshot: Path, case: Segmentation, by: tuple[MaskBundle, np.ndarray], folder: Path
) -> list[dict[str, Any]]:
    bundle, average = by
    images = read_images(snapshot, one)
    truth = read_labels(snapshot, one, images[0], case.task.labels)
    grid = plan_grid(images[0], bundle.plan)
    answers = {MODEL: bundle.segment(images), ATLAS: sample_back(atlas_scores(average, grid.shape), grid, images[0])}
    spacing, labels = images[0].spacing, case.task.labels
    voxel = float(np.prod(spacing)) / 1000.0
    rows = []
    for name, answer in answers.items():
        found = measure_case(answer, truth, spacing, labels, case.overlap.tolerance_mm)
        for number, row in zip(labels, rows_of(one.name, one.patient, found, labels), strict=True):
            rows.append({**row, "by": name, "volume_ml": voxel * float((truth == number).sum())})
    _keep(folder / "masks" / f"{one.name}.npz", {"labels": answers[MODEL]})
    _keep(folder / "slices" / f"{one.name}.npz", _slice(images[0], truth, answers[MODEL]))
    return rows


def _slice(image: Volume, truth: np.ndarray, answer: np.ndarray) -> dict[str, np.ndarray]:
    """The slice with most of the true mask, axes towards the patient's left, back and head, with mm along them."""
    volume, mask, said = (turned_voxels(array, image.affine) for array in (image.voxels, truth, answer))
    areas = (mask > 0).sum(axis=(0, 1))
    at = int(areas.argmax())
    cut = {"image": volume, "truth": mask.astype(np.uint8), "answer": said}
    return {name: array[:, :, at : at + 1] for name, array in cut.items()} | {"spacing": turned(image).spacing}


def _keep(path: Path, arrays: dict[str, np.ndarray]) -> None:
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    path.parent.mkdir(exist_ok=True)
    write_bytes(path, content.getvalue())
