"""A DVC snapshot as a data set source that MLflow understands, so that a run's page names its data by md5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from mlflow.data.dataset_source import DatasetSource
from mlflow.data.dataset_source_registry import register_dataset_source
from mlflow.entities import Dataset, DatasetInput, InputTag

from radloop.errors import ConfigurationError
from radloop.registry.names import DATASET_CONTEXT
from radloop.registry.outputs import Outputs

SCHEME = "dvc://"


class DvcDatasetSource(DatasetSource):  # type: ignore[misc]
    """A folder that DVC versions: `path` below `workspace`, its `md5`, and the `commit` that holds its pointer."""

    def __init__(self, path: str, md5: str, commit: str, workspace: str = "") -> None:
        self.path, self.md5, self.commit, self.workspace = path, md5, commit, workspace

    @property
    def uri(self) -> str:
        """`dvc://<path>@<commit>`."""
        return f"{SCHEME}{self.path}@{self.commit}"

    @staticmethod
    def _get_source_type() -> str:
        return "dvc"

    def load(self) -> Path:
        """The folder in the workspace, if the workspace is at this snapshot.

        Raises ConfigurationError otherwise, with the commands that bring it back.
        """
        pointer = Path(self.workspace) / f"{self.path}.dvc"
        if pointer.exists() and yaml.safe_load(pointer.read_text())["outs"][0]["md5"] == self.md5:
            return pointer.with_suffix("")
        raise ConfigurationError(
            f"the workspace is not at snapshot {self.md5}", f"git checkout {self.commit} && dvc checkout {self.path}"
        )

    @staticmethod
    def _can_resolve(raw_source: Any) -> bool:
        return isinstance(raw_source, str) and raw_source.startswith(SCHEME)

    @classmethod
    def _resolve(cls, raw_source: Any) -> DvcDatasetSource:
        path, _, commit = str(raw_source).removeprefix(SCHEME).rpartition("@")
        return cls(path, "", commit)

    def to_dict(self) -> dict[str, Any]:
        """What MLflow stores."""
        return {"uri": self.uri, "md5": self.md5, "commit": self.commit, "path": self.path}

    @classmethod
    def from_dict(cls, source_dict: dict[Any, Any]) -> DvcDatasetSource:
        """The source of what MLflow stored."""
        return cls(source_dict["path"], source_dict["md5"], source_dict["commit"])


register_dataset_source(DvcDatasetSource)


def dataset_input(outputs: Outputs, md5: str, commit: str) -> DatasetInput:
    """The snapshot as the training input of a run; its digest is DVC's md5."""
    path = outputs.paths.snapshot(outputs.case.name)
    source = DvcDatasetSource(str(path), md5, commit)
    profile = {
        name: outputs.metrics["scalars"][name] for name in ("n", "positives") if name in outputs.metrics["scalars"]
    }
    dataset = Dataset(
        name=str(path),
        digest=md5[:36],  # MLflow's limit; an md5 of DVC with its `.dir` just fits
        source_type="dvc",
        source=source.to_json(),
        profile=json.dumps({f"test_{name}": value for name, value in profile.items()}),
    )
    return DatasetInput(dataset, [InputTag(DATASET_CONTEXT, "training")])
