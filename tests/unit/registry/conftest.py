"""A small workspace as the stages leave it, and a registry on its own store."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from radloop.bundle import write_bundle
from radloop.files import write_json
from radloop.gate import Check, Gate, write_gate
from radloop.params import Params, UseCase, override
from radloop.registry import Links, Registry
from radloop.settings import PROJECT, Settings

LINKS = Links(
    commit="c0ffee" * 6 + "abcd",
    outer_commit="0123456789ab+",
    dataset_md5="0123456789abcdef0123456789abcdef.dir",
    flow_run="11111111-2222-3333-4444-555555555555",
    flow_url="http://127.0.0.1:4200/runs/flow-run/11111111",
    data_docs="out/chest_pneumonia/validate/data_docs/index.html",
)


def network(batch: int | str = "batch", side: int = 8) -> onnx.ModelProto:
    """Mean of the pixels as the logit, twice as the embedding: small, and real ONNX."""
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [batch, 1, side, side])
    logit = helper.make_tensor_value_info("logit", TensorProto.FLOAT, [batch])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, 1])
    axes = {"last": [2, 3], "first": [1, 2, 3]}
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["real", "all"], ["logit"], keepdims=0),
        helper.make_node("ReduceMean", ["real", "last"], ["embedding"], keepdims=0),
    ]
    constants = [
        helper.make_tensor("all", TensorProto.INT64, [3], axes["first"]),
        helper.make_tensor("last", TensorProto.INT64, [2], axes["last"]),
    ]
    graph = helper.make_graph(nodes, "tiny", [image], [logit, embedding], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def row(epoch: int, seed: int = 0) -> dict[str, Any]:
    """A line of metrics.jsonl."""
    return {
        "step": epoch * 10, "epoch": epoch, "train_loss": (1.0 + seed) / epoch, "validation_auroc": 0.5 + epoch / 100,
        "learning_rate": 0.001, "seconds": 1.5, "images_per_second": 100.0,
    }  # fmt: skip


def lines(*epochs: int, seed: int = 0) -> str:
    """Lines of metrics.jsonl."""
    return "".join(json.dumps(row(epoch, seed)) + "\n" for epoch in epochs)


@dataclass
class Workspace:
    """The clone of a project after a training."""

    folder: Path
    case: UseCase

    @classmethod
    def make(cls, folder: Path) -> Workspace:
        folder.mkdir(parents=True)
        shutil.copy(PROJECT / "params.yaml", folder / "params.yaml")
        override(folder / "params.yaml", {"chest_pneumonia.register.approvals": 0})  # but where a test asks for people
        return cls(folder, Params.load(folder).use_case("chest_pneumonia"))

    @property
    def out(self) -> Path:
        return self.folder / "out" / self.case.name

    @property
    def live(self) -> Path:
        return self.out / "live" / "metrics.jsonl"

    def train(self, seed: int = 0, gate_open: bool = True, epochs: int = 3) -> None:
        """Leave behind what a training with this seed leaves."""
        bundle = self.out / "package" / "bundle"
        bundle.mkdir(parents=True, exist_ok=True)
        onnx.save(network(), str(bundle / "model.onnx"))
        for name in ("model.safetensors", "projection.safetensors"):
            (bundle / name).write_bytes(f"{name} {seed}".encode())
        digest = write_bundle(bundle, {"use_case": self.case.name})
        (self.out / "package" / "bundle.sha256").write_text(digest + "\n")
        (self.out / "train").mkdir(exist_ok=True)
        (self.out / "train" / "metrics.jsonl").write_text(lines(*range(1, epochs + 1), seed=seed))
        (self.out / "evaluate" / "figures").mkdir(parents=True, exist_ok=True)
        (self.out / "evaluate" / "figures" / "roc.png").write_bytes(b"\x89PNG")
        (self.out / "evaluate" / "report.html").write_text("<html>judged</html>")
        write_json(
            self.out / "evaluate" / "metrics.json",
            {
                "bundle": digest, "test_set_sha256": "t" * 64, "warnings": ["The images are simulated."],
                "facts": {"simulated": True},
                "scalars": {"auroc": 0.91, "auroc_low": 0.88, "auroc_high": 0.94, "n": 300.0, "positives": 40.0},
            },
        )  # fmt: skip
        check = Check("auroc_floor", gate_open, "0.91", "at least 0.7")
        write_gate(self.out / "evaluate" / "gate.json", Gate("evaluate", self.case.name, (check,)))
        outs = f"outs: [{{path: out/{self.case.name}/package, md5: {digest}}}]"
        other = "train@another_case: {cmd: y}" if seed % 2 else "train@another_case: {cmd: z}"
        (self.folder / "dvc.lock").write_text(
            f"schema: '2.0'\nstages:\n  package@{self.case.name}: {{cmd: x, {outs}}}\n  {other}\n"
        )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.make(tmp_path / "home" / "workspace")


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database, copied by each test, because making one takes seconds."""
    home = tmp_path_factory.mktemp("store")
    Registry(Settings(home=home)).versions("nothing")
    return home / "mlflow" / "mlflow.db"


@pytest.fixture
def settings(tmp_path: Path, empty_store: Path) -> Settings:
    store = tmp_path / "home" / "mlflow"
    store.mkdir(parents=True)
    shutil.copy(empty_store, store / "mlflow.db")
    return Settings(home=tmp_path / "home")


@pytest.fixture
def registry(settings: Settings) -> Registry:
    return Registry(settings)
