"""What one training left in the workspace, read for the registry: hashes, figures, curves, pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from radloop.errors import ConfigurationError
from radloop.files import canonical_json, read_json, sha256
from radloop.gate import Gate, read_gate
from radloop.params import Params, UseCase
from radloop.registry.curves import Row, read_rows
from radloop.registry.names import PARAM_SECTIONS

#: Files that a run keeps: the stage, what of it, and the folder in MLflow. Nothing of it holds a row per patient.
ARTIFACTS = (
    ("evaluate", "report.html", "evaluate"),
    ("evaluate", "model_card.md", "evaluate"),
    ("evaluate", "metrics.json", "evaluate"),
    ("evaluate", "subgroups.json", "evaluate"),
    ("evaluate", "figures/*", "evaluate/figures"),
    ("evaluate", "gate.json", "gates/evaluate"),
    ("validate", "gate.json", "gates/validate"),
    ("validate", "summary.json", "validate"),
    ("split", "gate.json", "gates/split"),
    ("split", "balance.*", "split"),
    ("plan", "plan.yaml", "plan"),
    ("train", "training.json", "train"),
    ("calibrate", "calibration.json", "calibrate"),
    ("package", "check.json", "package"),
)


class Outputs:
    """The outputs of one use case below `workspace`, as they are now.

    Raises ConfigurationError where a stage that is asked for has not run.
    """

    def __init__(self, workspace: Path, case: UseCase) -> None:
        self.workspace = workspace
        self.case = case
        self.paths = Params.load(workspace).paths

    def stage(self, verb: str) -> Path:
        """Folder of the stage that does this work for the kind of use case."""
        return self.workspace / self.paths.stage(self.case.name, self.case.verb(verb))

    @property
    def bundle(self) -> Path:
        """The folder that is served."""
        return self.stage("package") / "bundle"

    @cached_property
    def bundle_hash(self) -> str:
        """The bundle's name."""
        return self._required("package", "bundle.sha256").read_text().strip()

    @cached_property
    def lock_hash(self) -> str:
        """Hash of this use case's stages in dvc.lock, so that another use case's training does not change it."""
        path = self.workspace / "dvc.lock"
        if not path.exists():
            raise ConfigurationError("the workspace has no dvc.lock", "reproduce the pipeline first (`make repro`)")
        stages: dict[str, Any] = (yaml.safe_load(path.read_text()) or {}).get("stages", {})
        ours = {name: stage for name, stage in stages.items() if name.endswith(f"@{self.case.name}")}
        return sha256(canonical_json(ours).encode())

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """What the evaluation wrote; `scalars` are its figures."""
        return dict(read_json(self._required("evaluate", "metrics.json")))

    @cached_property
    def gate(self) -> Gate:
        """The evaluation's gate."""
        return read_gate(self._required("evaluate", "gate.json"))

    @property
    def simulated(self) -> str:
        """`true` where the images are invented, as a tag says it."""
        return str(bool(self.metrics.get("facts", {}).get("simulated"))).lower()

    @property
    def rows(self) -> list[Row]:
        """The whole training, a row per epoch."""
        return read_rows(self._required("train", "metrics.jsonl"))

    @property
    def live(self) -> Path:
        """The same while it grows."""
        return self.workspace / self.paths.live(self.case.name) / "metrics.jsonl"

    @property
    def parameters(self) -> dict[str, str]:
        """The knobs that made the model, flat: `train.augment.rotate`."""
        sections = self.case.model_dump(mode="json", by_alias=True)
        return dict(_flat({name: sections[name] for name in PARAM_SECTIONS if name in sections}))

    def collect(self, folder: Path) -> None:
        """Copy what a run keeps into `folder`; what a stage did not write is left out."""
        for verb, pattern, place in ARTIFACTS:
            for path in sorted(self.stage(verb).glob(pattern)):
                (folder / place).mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, folder / place / path.name)

    def _required(self, verb: str, name: str) -> Path:
        path = self.stage(verb) / name
        if not path.exists():
            raise ConfigurationError(
                f"{self.case.name} has no {verb}/{name}",
                f"reproduce {verb} first (`radloop run train {self.case.name}`)",
            )
        return path


def last_judgement(workspace: Path, case: UseCase, bundle: str) -> Gate | None:
    """What the workspace's evaluation says today of this bundle; None where another bundle lies there, or nothing.

    A gate with no check, which is closed, where the bundle lies there and its evaluation does not.
    """
    if not (workspace / "params.yaml").exists():
        return None
    outputs = Outputs(workspace, case)
    name, metrics = outputs.stage("package") / "bundle.sha256", outputs.stage("evaluate") / "metrics.json"
    if not name.exists() or outputs.bundle_hash != bundle:
        return None
    judged = metrics.exists() and outputs.metrics["bundle"] == bundle
    return outputs.gate if judged else Gate("evaluate", case.name, ())


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, canonical_json(value) if isinstance(value, list) else str(value)
