"""Export a segmenter: one folder with everything that serving needs, proved equal to what was trained."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.torch import load_file

from radloop.bundle import ONNX, WEIGHTS, write_bundle
from radloop.errors import GateClosed
from radloop.files import read_json, replacing, sha256_file, write_json, write_text
from radloop.mask_bundle import load_mask_bundle
from radloop.modeling.export import export_segmenter
from radloop.modeling.weights import take_weights
from radloop.params import Package, Paths, Segmentation
from radloop.segmentation.engines import SegmentationEngine, TorchSegmenter
from radloop.segmentation.networks import build_segmenter
from radloop.segmentation.plan import Plan
from radloop.segmentation.store import INDEX, open_cases
from radloop.stages.package import snapshot_md5
from radloop.stages.plan import PLAN

#: Real patches on which the engines are compared.
COMPARED = 4


def run(case: Segmentation, paths: Paths) -> None:
    """Export the trained network and write its bundle.

    Writes bundle/, bundle.sha256 (the bundle's hash) and check.json (how far ONNX is from torch).
    Raises GateClosed where the export answers differently from the network by more than `export.tolerance`.
    """
    trained = paths.stage(case.name, "segment")
    training = read_json(trained / "training.json")
    made = Plan.from_yaml((paths.stage(case.name, "plan") / PLAN).read_text())
    with replacing(paths.stage(case.name, "export")) as folder:
        bundle = folder / "bundle"
        bundle.mkdir()
        network = build_segmenter(made.segmenter)
        take_weights(network, load_file(trained / "model.safetensors"))
        export_segmenter(network, (made.channels, *made.patch), case.export.opset, bundle / ONNX)
        shutil.copyfile(trained / "model.safetensors", bundle / WEIGHTS)
        name = write_bundle(bundle, manifest_of(case, paths, made, training))
        patches = examples(paths.stage(case.name, "resample"), made)
        onnx_engine = load_mask_bundle(bundle).engine
        write_json(folder / "check.json", compare(onnx_engine, TorchSegmenter(network), patches, case.export))
        write_text(folder / "bundle.sha256", name + "\n")


def manifest_of(case: Segmentation, paths: Paths, made: Plan, training: dict[str, Any]) -> dict[str, Any]:
    """What a bundle says of itself; nothing that varies between equal trainings."""
    flips = list(range(made.axes)) if case.delineate.flips else []
    return {
        "kind": "segmentation",
        "use_case": case.name,
        "title": case.task.title,
        "images": list(case.task.images),
        "labels": {str(number): name for number, name in case.task.labels.items()},
        "accepts": case.task.accepts.model_dump(mode="json"),
        "plan": made.model_dump(mode="json"),
        "window": {"overlap": case.delineate.overlap, "flips": flips},
        "engine": {"name": "onnxruntime", "opset": case.export.opset, "threads": training["threads"]},
        "training": {
            "parameters": case.segment.model_dump(mode="json"),
            "snapshot_md5": snapshot_md5(paths, case.name),
            "index_sha256": sha256_file(paths.stage(case.name, "resample") / INDEX),
            **{name: training[name] for name in ("cases", "patients", "best_epoch", "validation_dice")},
        },
        "versions": training["versions"] | {name: version(name) for name in ("radloop", "onnx", "onnxruntime")},
    }


def examples(resampled: Path, made: Plan) -> np.ndarray:
    """Patches from the middle of validation cases, float32 [n, channels, ...]."""
    index = pd.read_parquet(resampled / INDEX)
    rows = index[index["rejected"].isna() & (index["split"] == "validation")].head(COMPARED)
    cases = open_cases(resampled, rows, made.channels, 0)
    return np.stack([_middle(cases.image(case), made.patch) for case in range(len(cases))])


def _middle(image: np.ndarray, patch: tuple[int, ...]) -> np.ndarray:
    sides = (*patch, 1)[:3]
    target = np.zeros((len(image), *sides), np.float32)
    taken = tuple(slice((a - b) // 2, (a - b) // 2 + b) if a > b else slice(0, a)
                  for a, b in zip(image.shape[1:], sides, strict=True))  # fmt: skip
    part = image[(slice(None), *taken)]
    target[(slice(None), *(slice(0, side) for side in part.shape[1:]))] = part
    return target.squeeze(-1) if len(patch) == 2 else target


def compare(
    onnx_engine: SegmentationEngine, torch_engine: SegmentationEngine, patches: np.ndarray, rules: Package
) -> dict[str, Any]:  # fmt: skip
    """How far the packaged engine is from torch, on one patch at a time and on all. Raises GateClosed beyond it."""
    expected = torch_engine.infer(patches)
    one_by_one = np.concatenate([onnx_engine.infer(patches[at : at + 1]) for at in range(len(patches))])
    apart = {"batch_of_1": one_by_one, f"batch_of_{len(patches)}": onnx_engine.infer(patches)}
    found = {name: float(np.abs(logits - expected).max()) for name, logits in apart.items()}
    worst = max(found.values())
    if worst > rules.tolerance:
        raise GateClosed(
            f"ONNX differs from torch by {worst:.2g}, more than the tolerance of {rules.tolerance:g}.",
            "look at the export, or raise export.tolerance with a reason",
        )
    return {"patches": len(patches), "tolerance": rules.tolerance, "largest_difference": worst, **found}
