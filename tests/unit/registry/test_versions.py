"""A registered version is the whole bundle: found again, checked, and loadable without a pickle."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from mlflow import MlflowClient

from radloop.bundle import verified_manifest, write_bundle
from radloop.errors import ConfigurationError
from radloop.registry import ModelVersion, Registry, names

from .conftest import LINKS, Workspace, network


def _register(registry: Registry, workspace: Workspace) -> ModelVersion:
    run = registry.log_training(workspace.case, workspace.folder, LINKS)
    return registry.register(workspace.case, workspace.folder, run.run_id)


def _model_folder(registry: Registry, version: ModelVersion) -> Path:
    uri = registry._client.get_model_version_download_uri(version.use_case, str(version.version))
    return Path(uri.removeprefix("file://"))


def test_a_registered_version_is_the_candidate_and_says_what_it_is(registry: Registry, workspace: Workspace) -> None:
    workspace.train(gate_open=False)
    version = _register(registry, workspace)
    assert version.aliases == ("candidate",) and version.name == "chest_pneumonia/1"
    assert not version.gate_open and version.tags[names.GATE_FAILED] == "auroc_floor"
    assert (version.dataset_md5, version.test_set_sha256) == (LINKS.dataset_md5, "t" * 64)
    assert version.tags[names.SIMULATED] == "true"
    assert registry.versions("chest_pneumonia") == [version]
    assert registry.champion("chest_pneumonia") is None


def test_registering_twice_makes_one_version(registry: Registry, workspace: Workspace) -> None:
    workspace.train()
    assert _register(registry, workspace) == _register(registry, workspace)
    assert len(registry.versions("chest_pneumonia")) == 1
    assert [entry.phase for entry in registry.ledger.entries("alias")] == ["intent", "done"]


def test_the_signature_has_a_free_batch_axis(registry: Registry, workspace: Workspace) -> None:
    from mlflow.models import get_model_info

    workspace.train()
    version = _register(registry, workspace)
    signature = get_model_info(str(_model_folder(registry, version))).signature
    assert str(signature.inputs.inputs[0]) == "'image': Tensor('uint8', (-1, 1, 8, 8))"
    assert [spec.shape for spec in signature.outputs.inputs] == [(-1,), (-1, 1)]


def test_mlflow_itself_can_load_and_ask_the_model_in_any_batch(registry: Registry, workspace: Workspace) -> None:
    from mlflow import pyfunc

    workspace.train()
    version = _register(registry, workspace)
    model = pyfunc.load_model(str(_model_folder(registry, version)))
    for n in (1, 5):
        assert model.predict(np.full((n, 1, 8, 8), 7, np.uint8))["logit"].tolist() == [7.0] * n


def test_the_logged_model_holds_no_pickle_and_no_code_of_ours(registry: Registry, workspace: Workspace) -> None:
    workspace.train()
    folder = _model_folder(registry, _register(registry, workspace))
    assert sorted(path.name for path in folder.iterdir()) == [
        "MLmodel", "bundle.json", "model.onnx", "model.safetensors", "projection.safetensors", "python_env.yaml",
        "requirements.txt",
    ]  # fmt: skip
    described = yaml.safe_load((folder / "MLmodel").read_text())
    assert described["flavors"]["python_function"]["loader_module"] == "mlflow.onnx"
    assert not any("code" in flavor for flavor in described["flavors"].values())


def test_the_logged_model_carries_the_figures_of_its_data(registry: Registry, workspace: Workspace) -> None:
    workspace.train()
    version = _register(registry, workspace)
    client = registry._client
    home = client.get_experiment_by_name("chest_pneumonia").experiment_id
    (model,) = client.search_logged_models([home])
    assert str(model.status) == "READY" and model.source_run_id == version.run_id
    figures = {metric.key: metric for metric in model.metrics}
    assert figures["test/auroc"].value == 0.91
    assert figures["test/auroc"].dataset_digest == LINKS.dataset_md5
    assert len(client.get_metric_history(version.run_id, "test/auroc")) == 1
    assert [output.model_id for output in client.get_run(version.run_id).outputs.model_outputs] == [model.model_id]


def test_a_network_with_a_frozen_batch_axis_is_refused(registry: Registry, workspace: Workspace) -> None:
    workspace.train()
    bundle = workspace.out / "package" / "bundle"
    onnx.save(network(batch=1), str(bundle / "model.onnx"))
    (workspace.out / "package" / "bundle.sha256").write_text(write_bundle(bundle, {}))
    with pytest.raises(ConfigurationError, match="batch axis is frozen"):
        _register(registry, workspace)
    home = registry._client.get_experiment_by_name("chest_pneumonia").experiment_id
    assert [str(model.status) for model in registry._client.search_logged_models([home])] == ["FAILED"]
    assert registry.versions("chest_pneumonia") == []


def test_the_bundle_of_another_run_is_not_registered_under_this_one(registry: Registry, workspace: Workspace) -> None:
    workspace.train(0)
    run = registry.log_training(workspace.case, workspace.folder, LINKS)
    workspace.train(1)
    with pytest.raises(ConfigurationError, match="has another bundle"):
        registry.register(workspace.case, workspace.folder, run.run_id)


def test_a_bundle_changed_after_it_was_packaged_is_not_registered(registry: Registry, workspace: Workspace) -> None:
    workspace.train()
    run = registry.log_training(workspace.case, workspace.folder, LINKS)
    (workspace.out / "package" / "bundle" / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(ConfigurationError, match=r"model\.safetensors is not the file"):
        registry.register(workspace.case, workspace.folder, run.run_id)


def test_the_whole_bundle_comes_back_checked_and_once(
    registry: Registry, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.train()
    version = _register(registry, workspace)
    folder = registry.bundle_path("chest_pneumonia", "candidate")
    assert folder == registry.settings.root / "bundles" / version.bundle
    original = workspace.out / "package" / "bundle"
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {p.name: p.read_bytes() for p in original.iterdir()}
    shutil.rmtree(_model_folder(registry, version))
    assert registry.bundle_path("chest_pneumonia", 1) == folder


@pytest.mark.parametrize("name", ["model.onnx", "bundle.json"])
def test_a_bundle_changed_in_the_store_is_refused_and_not_kept(
    registry: Registry, workspace: Workspace, name: str
) -> None:
    workspace.train()
    version = _register(registry, workspace)
    stored = _model_folder(registry, version) / name
    stored.write_text(stored.read_text().replace("use_case", "use_cast") if name == "bundle.json" else "other")
    with pytest.raises(ConfigurationError):
        registry.bundle_path("chest_pneumonia", 1)
    assert not (registry.settings.root / "bundles" / version.bundle).exists()


def test_a_whole_bundle_of_another_model_in_the_store_is_refused(registry: Registry, workspace: Workspace) -> None:
    workspace.train(0)
    version = _register(registry, workspace)
    workspace.train(1)
    shutil.copytree(workspace.out / "package" / "bundle", _model_folder(registry, version), dirs_exist_ok=True)
    verified_manifest(_model_folder(registry, version))
    with pytest.raises(ConfigurationError, match=f"not {version.bundle[:12]}"):
        registry.bundle_path("chest_pneumonia", 1)


@pytest.mark.parametrize("which", [7, "7", "champion", "no such alias"])
def test_what_is_not_registered_is_a_clear_error(registry: Registry, workspace: Workspace, which: str | int) -> None:
    with pytest.raises(ConfigurationError, match="has no model version"):
        registry.version("chest_pneumonia", which)
    workspace.train()
    _register(registry, workspace)
    with pytest.raises(ConfigurationError, match="has no model version"):
        registry.bundle_path("chest_pneumonia", which)


def test_logging_and_registering_are_quick(registry: Registry, workspace: Workspace) -> None:
    import time

    workspace.train()
    registry.versions("chest_pneumonia")
    began = time.monotonic()
    _register(registry, workspace)
    assert time.monotonic() - began < 6


def test_a_deleted_experiment_is_named_with_the_mend(registry: Registry, workspace: Workspace) -> None:
    client: MlflowClient = registry._client
    client.delete_experiment(registry.experiment("chest_pneumonia"))
    workspace.train()
    with pytest.raises(ConfigurationError, match=r"was deleted.*restore it in MLflow"):
        registry.log_training(workspace.case, workspace.folder, LINKS)
