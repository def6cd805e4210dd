"""A bundle: everything that a model needs to be served, named by its hash, with no pickle in it.

`bundle.json` (the manifest, with the SHA-256 of every other file), `model.onnx`, `model.safetensors`, of a classifier
`projection.safetensors` and, where 8-bit integers were judged, `model.int8.onnx`. The hash of a bundle is that of its
manifest, so it covers every byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from radloop.errors import ConfigurationError
from radloop.files import canonical_json, read_json, sha256, sha256_file, write_bytes, write_json
from radloop.imaging.embeddings import project
from radloop.imaging.intake import Intake
from radloop.imaging.preprocess import Preprocess
from radloop.modeling.calibrate import Calibration
from radloop.modeling.engines import Engine, OnnxEngine, infer_all
from radloop.modeling.runtimes import DEFAULT, Runtime
from radloop.params import Accepts
from radloop.records import Record

MANIFEST = "bundle.json"
ONNX, WEIGHTS, PROJECTION = "model.onnx", "model.safetensors", "projection.safetensors"
#: The files of a bundle by the kind that its manifest tells; one that tells none classifies.
FILES_OF = {"classification": (ONNX, WEIGHTS, PROJECTION), "segmentation": (ONNX, WEIGHTS)}
FILES = FILES_OF["classification"]
INT8 = "model.int8.onnx"  # beside the others where the manifest's `engine.file` says that it was judged
FORMAT = 1


@dataclass(frozen=True)
class Scores:
    """Answers to n images: logit float32 [n], score float64 [n], decision bool [n], embedding float32 [n, k]."""

    logit: np.ndarray
    score: np.ndarray
    decision: np.ndarray
    embedding: np.ndarray


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle: what it may be asked, how its input is made, and its answers."""

    hash: str
    manifest: dict[str, Any]
    engine: Engine
    projection: tuple[np.ndarray, np.ndarray]
    runtime: Runtime = DEFAULT

    @cached_property
    def preprocess(self) -> Preprocess:
        """How display values become the network's input."""
        return Preprocess(**self.manifest["preprocess"])

    @cached_property
    def calibration(self) -> Calibration:
        """How logits become probabilities and decisions."""
        return Calibration(**self.manifest["calibration"])

    @cached_property
    def acceptance(self) -> Accepts:
        """What the model may be asked about."""
        return Accepts(**self.manifest["accepts"])

    @cached_property
    def intake(self) -> Intake:
        """What a process needs to know that reads studies for this bundle."""
        return Intake(self.acceptance, self.preprocess)

    @property
    def threshold(self) -> float:
        """The calibrated probability from which a case is called positive."""
        return self.calibration.threshold

    @property
    def temperature(self) -> float:
        """The temperature of the calibration."""
        return self.calibration.temperature

    @property
    def labels(self) -> tuple[str, ...]:
        """The findings that the model answers about."""
        return tuple(self.manifest["labels"])

    @property
    def finding(self) -> str:
        """The one finding of a binary classifier."""
        return self.labels[0]

    @property
    def use_case(self) -> str:
        """The clinical question that this bundle answers."""
        return str(self.manifest["use_case"])

    def predict(self, images: np.ndarray) -> Scores:
        """Score prepared images, uint8 [n, size, size], in the batches with which the bundle was judged.

        Raises ValueError for images of another type or size, which no preprocess of this bundle makes.
        """
        size = self.preprocess.size
        if images.dtype != np.uint8 or images.shape[1:] != (size, size):
            raise ValueError(f"images are {images.dtype} {images.shape}, not uint8 [n, {size}, {size}]")
        logit, embedding = infer_all(self.engine, images, self.manifest["engine"]["batch_shape"][0])
        score = self.calibration.score(logit)
        return Scores(logit, score, self.calibration.decide(score), project(embedding, *self.projection))

    def accepts(self, record: Record) -> None:
        """Let a record pass, or say which attribute is outside what the model was shown; what is missing passes.

        Raises StudyRejected("not_accepted").
        """
        self.intake.accepts(record)


def write_bundle(folder: Path, manifest: dict[str, Any]) -> str:
    """Write the manifest beside the files of a bundle and return the bundle's hash.

    `folder` holds the files of its kind already. Nothing of the manifest may vary
    between equal trainings (no times, no paths), so that an equal model has an equal name.
    Raises ConfigurationError where one of the files is missing.
    """
    files = files_of(manifest)
    missing = [name for name in files if not (folder / name).is_file()]
    if missing:
        raise ConfigurationError(f"the bundle lacks {', '.join(missing)}", "run the package stage again")
    complete = {**manifest, "format": FORMAT, "files": {name: sha256_file(folder / name) for name in files}}
    write_json(folder / MANIFEST, complete)
    return hash_of(complete)


def judged_file(manifest: dict[str, Any]) -> str:
    """The network that was judged, and so is served; bundles of earlier versions name none.

    Raises ConfigurationError for a file that is no network of a bundle.
    """
    name = str(manifest.get("engine", {}).get("file", ONNX))
    if name not in (ONNX, INT8):
        raise ConfigurationError(f"the bundle's network is {name!r}, not {ONNX} or {INT8}", "update radloop")
    return name


def files_of(manifest: dict[str, Any]) -> tuple[str, ...]:
    """What lies beside a manifest of this kind."""
    whole = FILES_OF[str(manifest.get("kind", "classification"))]
    return (*whole, INT8) if judged_file(manifest) == INT8 else whole


def hash_of(manifest: dict[str, Any]) -> str:
    """The name of a bundle: SHA-256 of its canonical manifest."""
    return sha256(canonical_json(manifest).encode())


def write_projection(path: Path, mean: np.ndarray, components: np.ndarray) -> None:
    """Write a projection of embeddings: `mean` [d], `components` [k, d], float32."""
    from safetensors.numpy import save

    write_bytes(path, save({"mean": mean, "components": components}))


def load_bundle(folder: Path, threads: int | None = None, runtime: Runtime | None = None) -> Bundle:
    """Load a bundle after checking every byte of it; `threads` and `runtime` are by default those it was judged with.

    Integers are always run by what judged them: two runtimes round them differently, by far more than floats.
    Raises ConfigurationError where a file is missing, changed, or of a later format, or its runtime not installed.
    """
    manifest = verified_manifest(folder)
    from safetensors.numpy import load_file

    stored = load_file(folder / PROJECTION)
    judged, file = manifest["engine"], judged_file(manifest)
    chosen = (file != INT8 and runtime) or judged.get("name", DEFAULT)
    engine = OnnxEngine(folder / file, threads or judged["threads"], chosen)
    return Bundle(hash_of(manifest), manifest, engine, (stored["mean"], stored["components"]), chosen)


def verified_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a bundle whose files are all what it says they are.

    Raises ConfigurationError where they are not.
    """
    if not (folder / MANIFEST).is_file():
        raise ConfigurationError(f"no bundle in {folder}: {MANIFEST} is missing", "name the folder of a packaged model")
    manifest: dict[str, Any] = read_json(folder / MANIFEST)
    if manifest.get("format") != FORMAT:
        raise ConfigurationError(
            f"bundle format {manifest.get('format')!r} is unknown; this version reads {FORMAT}", "update radloop"
        )
    for name in files_of(manifest):
        path, promised = folder / name, manifest["files"].get(name)
        if not path.is_file() or sha256_file(path) != promised:
            raise ConfigurationError(
                f"{name} is not the file that the bundle {hash_of(manifest)[:12]} was made with",
                "fetch the bundle again; do not serve this one",
            )
    return manifest
