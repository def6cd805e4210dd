"""Registered model versions: the whole bundle, loadable without a pickle, with its signature and its figures."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any

import yaml
from filelock import FileLock

from radloop.bundle import FILES, INT8, MANIFEST, ONNX, hash_of, verified_manifest
from radloop.errors import ConfigurationError
from radloop.files import replacing
from radloop.registry import names
from radloop.registry.connection import absent
from radloop.registry.outputs import Outputs

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

#: What MLflow's own scoring needs; given, because guessing it takes 16 s.
REQUIREMENTS = ("mlflow", "onnx", "onnxruntime", "numpy")


@dataclass(frozen=True)
class ModelVersion:
    """One registered version; `bundle` is the hash that names what is served."""

    use_case: str
    version: int
    bundle: str
    run_id: str
    gate_open: bool
    dataset_md5: str
    test_set_sha256: str
    aliases: tuple[str, ...]
    tags: dict[str, str]

    @property
    def name(self) -> str:
        """What predictions and people call it: `chest_pneumonia/3`."""
        return f"{self.use_case}/{self.version}"


def create_version(client: MlflowClient, outputs: Outputs, run: Run) -> ModelVersion:
    """Register the bundle as a version; the one that this run has already, if it has one.

    Raises ConfigurationError where the bundle's network is no ONNX file with a free batch axis.
    """
    name = outputs.case.name
    for known in all_versions(client, name):
        if known.run_id == run.info.run_id and known.bundle == outputs.bundle_hash:
            return known
    _require_bundle(outputs.bundle, outputs.bundle_hash)
    _registered_model(client, name, outputs.case.task.title)
    model_id = _logged_model(client, outputs, run)
    tags = _tags(outputs, run)
    created = client.create_model_version(
        name, f"models:/{model_id}", run.info.run_id, tags=tags, model_id=model_id, description=_description(outputs)
    )
    client.set_logged_model_tags(
        model_id, {names.MODEL_VERSIONS: json.dumps([{"name": name, "version": created.version}])}
    )
    return _version(client.get_model_version(name, created.version))


def all_versions(client: MlflowClient, use_case: str) -> list[ModelVersion]:
    """Every version of a use case, the oldest first; none where nothing was registered."""
    found = client.search_model_versions(f"name = '{use_case}'")
    whole = [client.get_model_version(use_case, entry.version) for entry in found]
    return sorted((_version(entry) for entry in whole), key=lambda entry: entry.version)


def one_version(client: MlflowClient, use_case: str, which: str | int) -> ModelVersion | None:
    """The version with this number or alias, or None."""
    from mlflow.exceptions import MlflowException

    try:
        if str(which).isdigit():
            return _version(client.get_model_version(use_case, str(which)))
        named = client.get_model_version_by_alias(use_case, str(which))
        return _version(client.get_model_version(use_case, named.version))
    except MlflowException as error:
        if absent(error):
            return None
        raise


def fetch_bundle(client: MlflowClient, uri: str, found: ModelVersion, cache: Path) -> Path:
    """The folder of a version's bundle below `cache`, downloaded once, whole and checked file by file.

    Raises ConfigurationError where what came is not what was registered.
    """
    from mlflow.artifacts import download_artifacts

    target = cache / found.bundle
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{found.bundle}.lock"):
        if target.exists():
            return target
        place = client.get_model_version_download_uri(found.use_case, str(found.version))
        with replacing(target) as folder, tempfile.TemporaryDirectory(dir=cache) as temporary:
            came = download_artifacts(artifact_uri=place, dst_path=temporary, tracking_uri=uri, registry_uri=uri)
            for name in (MANIFEST, *FILES, INT8):
                if (Path(came) / name).is_file():
                    (Path(came) / name).rename(folder / name)
            _require_bundle(folder, found.bundle)
    return target


def _require_bundle(folder: Path, expected: str) -> None:
    """Let a bundle pass that is whole and has the name that is expected of it."""
    name = hash_of(verified_manifest(folder))
    if name != expected:
        raise ConfigurationError(
            f"the bundle is {name[:12]}, not {expected[:12]}", "package it again, or register it from its own run"
        )


def _registered_model(client: MlflowClient, name: str, title: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if not absent(error):
            raise
        client.create_registered_model(name, description=title)


def _logged_model(client: MlflowClient, outputs: Outputs, run: Run) -> str:
    """Log the bundle with an MLmodel file beside it; the network is in there once."""
    from mlflow.entities import LoggedModelOutput

    with _failing_whole(client, outputs, run) as model_id, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _write_mlmodel(folder, outputs, run, model_id)
        client.log_model_artifacts(model_id, str(folder))
        client.log_model_artifacts(model_id, str(outputs.bundle))
        client.log_outputs(run.info.run_id, [LoggedModelOutput(model_id, 0)])
        _link_figures(client, run, model_id)
        client.finalize_logged_model(model_id, "READY")
        return model_id


@contextmanager
def _failing_whole(client: MlflowClient, outputs: Outputs, run: Run) -> Iterator[str]:
    """A new logged model that is marked as failed where the block does not end well."""
    tags = {names.BUNDLE: outputs.bundle_hash, names.USE_CASE: outputs.case.name}
    taught = f"{outputs.case.verb('train')}."
    model = client.create_logged_model(
        run.info.experiment_id, name=outputs.case.name, source_run_id=run.info.run_id, tags=tags,
        params={key: value for key, value in run.data.params.items() if key.startswith(taught)}, model_type="onnx",
    )  # fmt: skip
    model_id = str(model.model_id)
    try:
        yield model_id
    except BaseException:
        client.finalize_logged_model(model_id, "FAILED")
        raise


def _link_figures(client: MlflowClient, run: Run, model_id: str) -> None:
    """Give the model its run's figures on held-out patients, with the data set that they belong to."""
    from mlflow.entities import Metric

    dataset = run.inputs.dataset_inputs[0].dataset if run.inputs.dataset_inputs else None
    metrics = [
        Metric(
            metric.key, metric.value, metric.timestamp, metric.step, model_id=model_id,
            dataset_name=dataset.name if dataset else None, dataset_digest=dataset.digest if dataset else None,
            run_id=run.info.run_id,
        )
        for key in run.data.metrics if key.startswith("test/")
        for metric in client.get_metric_history(run.info.run_id, key)
    ]  # fmt: skip
    client.log_batch(run.info.run_id, metrics=metrics)


def _write_mlmodel(folder: Path, outputs: Outputs, run: Run, model_id: str) -> None:
    """MLflow's description of the model: ONNX through MLflow's own loader, no code and no pickle of ours.

    MLflow looks for the network beside this file, so the bundle's files lie there, in no folder of their own.
    """
    from mlflow import pyfunc
    from mlflow.models import Model

    model = Model(
        run_id=run.info.run_id, model_id=model_id, signature=_signature(outputs.bundle / ONNX),
        artifact_path=outputs.case.name, metadata={"bundle": outputs.bundle_hash, "use_case": outputs.case.name},
        model_size_bytes=sum(path.stat().st_size for path in outputs.bundle.rglob("*") if path.is_file()),
    )  # fmt: skip
    pyfunc.add_to_model(model, loader_module="mlflow.onnx", data=ONNX, python_env="python_env.yaml")
    model.add_flavor("onnx", onnx_version=installed("onnx"), data=ONNX, providers=["CPUExecutionProvider"])
    model.save(str(folder / "MLmodel"))
    (folder / "requirements.txt").write_text("".join(f"{name}=={installed(name)}\n" for name in REQUIREMENTS))
    environment = {"python": python_version(), "dependencies": ["-r requirements.txt"]}
    (folder / "python_env.yaml").write_text(yaml.safe_dump(environment))


def _signature(path: Path) -> Any:
    """Inputs and outputs as the network declares them.

    Raises ConfigurationError where the batch axis is not free, for such a model serves one batch size only.
    """
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Schema, TensorSpec

    graph = onnx.load(str(path), load_external_data=False).graph
    sides = []
    for values in (graph.input, graph.output):
        specs = []
        for value in values:
            tensor = value.type.tensor_type
            shape = tuple(axis.dim_value if axis.HasField("dim_value") else -1 for axis in tensor.shape.dim)
            if shape[:1] != (-1,):
                raise ConfigurationError(
                    f"{value.name} of the network has the shape {shape}: its batch axis is frozen",
                    "export it with a dynamic first axis",
                )
            specs.append(TensorSpec(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type), shape, value.name))
        sides.append(Schema(specs))
    return ModelSignature(*sides)


def _tags(outputs: Outputs, run: Run) -> dict[str, str]:
    return {
        names.USE_CASE: outputs.case.name,
        names.RUN: run.info.run_id,
        names.BUNDLE: outputs.bundle_hash,
        names.GATE: "open" if outputs.gate.open else "closed",
        names.GATE_FAILED: ", ".join(check.name for check in outputs.gate.failed) or "none",
        names.DATASET: run.data.tags.get(names.DATASET, ""),
        names.DVC_COMMIT: run.data.tags.get(names.DVC_COMMIT, ""),
        names.TEST_SET: outputs.metrics["test_set_sha256"],
        names.SIMULATED: outputs.simulated,
    }


def _description(outputs: Outputs) -> str:
    figures = outputs.metrics["scalars"]
    seen = [(title, figures[name]) for name, title in (("auroc", "AUROC"), ("dice", "Dice")) if name in figures]
    said = "".join(f"{title} {value:.3f} on {figures.get('n', 0):.0f} held-out cases. " for title, value in seen)
    return f"{said}Gate {'open' if outputs.gate.open else 'closed'}. Bundle {outputs.bundle_hash[:12]}."


def _version(found: Any) -> ModelVersion:
    tags = dict(found.tags)
    return ModelVersion(
        use_case=found.name,
        version=int(found.version),
        bundle=tags.get(names.BUNDLE, ""),
        run_id=found.run_id or "",
        gate_open=tags.get(names.GATE) == "open",
        dataset_md5=tags.get(names.DATASET, ""),
        test_set_sha256=tags.get(names.TEST_SET, ""),
        aliases=tuple(sorted(found.aliases)),
        tags=tags,
    )
