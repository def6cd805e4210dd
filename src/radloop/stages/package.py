"""Package: one folder with everything that serving needs, proved equal to what was trained."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors.torch import load_file

from radloop.bundle import INT8, ONNX, PROJECTION, WEIGHTS, write_bundle
from radloop.errors import GateClosed
from radloop.files import read_json, replacing, sha256_file, write_json, write_text
from radloop.imaging.preprocess import Preprocess
from radloop.modeling.dataset import select
from radloop.modeling.engines import Engine, OnnxEngine, TorchEngine, infer_all, largest_difference
from radloop.modeling.export import export_onnx
from radloop.modeling.networks import Network, build
from radloop.modeling.noninferiority import Comparison, compare_auroc
from radloop.modeling.prepared import open_prepared
from radloop.modeling.quantise import quantise
from radloop.params import Classification, Package, Paths

#: Real images on which the engines are compared, at most.
COMPARED = 64
#: Training images over which the ranges of 8-bit activations are taken, at most.
CALIBRATING = 256


def run(case: Classification, paths: Paths) -> None:
    """Export the trained network and write its bundle.

    Writes bundle/, bundle.sha256 (the bundle's hash) and check.json (how far ONNX is from torch, and what integers
    lose). Where `package.int8_margin` is set and kept, the copy in integers is the one that is judged and served.
    Raises GateClosed where the export answers differently from the network by more than `package.tolerance`.
    """
    trained = paths.stage(case.name, "train")
    training = read_json(trained / "training.json")
    spec = Network(**training["network"])
    weights = load_file(trained / "model.safetensors")
    with replacing(paths.stage(case.name, "package")) as folder:
        bundle = folder / "bundle"
        bundle.mkdir()
        network = build(spec)
        torch_engine = TorchEngine(network, weights)
        export_onnx(network, spec.shape, case.package.opset, bundle / ONNX)
        shutil.copyfile(trained / "model.safetensors", bundle / WEIGHTS)
        shutil.copyfile(paths.stage(case.name, "calibrate") / "projection.safetensors", bundle / PROJECTION)
        prepared = paths.stage(case.name, "prepare")
        onnx_engine = OnnxEngine(bundle / ONNX, training["threads"], case.package.engine)
        check = compare(onnx_engine, torch_engine, examples(prepared), case.package)
        manifest = manifest_of(case, paths, training)
        if case.package.int8_margin:
            found = try_integers(bundle, manifest["engine"], prepared, case.package.int8_margin)
            check["int8"] = found.to_json()
            manifest["engine"] |= {"file": INT8} if found.accepted else {}
        name = write_bundle(bundle, manifest)
        write_json(folder / "check.json", check)
        write_text(folder / "bundle.sha256", name + "\n")


def manifest_of(case: Classification, paths: Paths, training: dict[str, Any]) -> dict[str, Any]:
    """What a bundle says of itself; nothing that varies between equal trainings."""
    calibration = read_json(paths.stage(case.name, "calibrate") / "calibration.json")
    return {
        "use_case": case.name,
        "title": case.task.title,
        "labels": [case.task.finding],
        "accepts": case.task.accepts.model_dump(mode="json"),
        "preprocess": Preprocess(**case.prepare.model_dump()).to_json(),
        "calibration": {name: calibration[name] for name in ("temperature", "offset", "threshold")},
        "calibrated_on": calibration["fitted_on"] | {"rule": calibration["rule"]},
        "network": training["network"],
        "engine": {
            "name": case.package.engine, "opset": case.package.opset,
            "threads": training["threads"], "batch_shape": training["batch_shape"],
        },
        "training": {
            "parameters": case.train.model_dump(mode="json"),
            "snapshot_md5": snapshot_md5(paths, case.name),
            "index_sha256": sha256_file(paths.stage(case.name, "prepare") / "index.parquet"),
            **{name: training[name] for name in ("images", "patients", "positives", "best_epoch", "validation_auroc")},
        },
        "versions": training["versions"]
        | {name: version(name) for name in dict.fromkeys(("radloop", "onnx", "onnxruntime", case.package.engine))},
    }  # fmt: skip


def snapshot_md5(paths: Paths, use_case: str) -> str | None:
    """The DVC hash of the snapshot, or None where no DVC tracks it."""
    pointer = paths.data / f"{use_case}.dvc"
    if not pointer.exists():
        return None
    return str(yaml.safe_load(pointer.read_text())["outs"][0]["md5"])


def examples(prepared: Path) -> np.ndarray:
    """Some validation images, for no engine has been fitted on a comparison of two."""
    images, index = open_prepared(prepared)
    rows = index.loc[index["split"] == "validation", "row"].to_numpy()[:COMPARED]
    return np.asarray(images[rows])


def compare(onnx_engine: Engine, torch_engine: Engine, images: np.ndarray, rules: Package) -> dict[str, Any]:
    """How far the packaged engine is from torch, on one image at a time and on a batch.

    Raises GateClosed beyond the tolerance.
    """
    expected = infer_all(torch_engine, images, len(images))
    found = {
        f"batch_of_{size}": largest_difference(infer_all(onnx_engine, images, size), expected)
        for size in sorted({1, len(images)})
    }
    worst = max(value for difference in found.values() for value in difference.values())
    if worst > rules.tolerance:
        raise GateClosed(
            f"ONNX differs from torch by {worst:.2g}, more than the tolerance of {rules.tolerance:g}.",
            "look at the export, or raise package.tolerance with a reason",
        )
    return {"images": len(images), "tolerance": rules.tolerance, "largest_difference": worst, **found}


def try_integers(bundle: Path, engine: dict[str, Any], prepared: Path, margin: float) -> Comparison:
    """Write the bundle's network again in 8-bit integers, and judge the copy on validation by the manifest's `engine`.

    It is calibrated on training images, for those of validation judge it; a copy that loses too much is removed.
    Raises GateClosed where validation has one class only.
    """
    images, index = open_prepared(prepared)
    shown = index.loc[index["split"] == "train", "row"].to_numpy()
    chosen = shown[np.linspace(0, len(shown) - 1, min(CALIBRATING, len(shown))).astype(int)]
    quantise(bundle / ONNX, bundle / INT8, (np.asarray(images[row])[None, None] for row in chosen))
    validation = select(images, index, "validation")
    judged = np.asarray(images[validation.rows])
    full, cheaper = (
        infer_all(OnnxEngine(bundle / name, engine["threads"], engine["name"]), judged, engine["batch_shape"][0])[0]
        for name in (ONNX, INT8)
    )
    patients = index.set_index("row").loc[validation.rows, "patient_id"]
    found = compare_auroc(validation.labels, patients, full, cheaper, margin)
    if not found.accepted:
        (bundle / INT8).unlink()
    return found
