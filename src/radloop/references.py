"""References by bundle: what a model saw and said when it was judged, kept for as long as it may serve.

A retrain replaces the workspace's own reference, and rows per patient have no place in MLflow; so each is kept
under the hash of the bundle that it belongs to.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from radloop.errors import ConfigurationError
from radloop.files import read_json, write_bytes


def keep_reference(stage: Path, references: Path) -> str:
    """Keep the reference that lies in the folder of the stage `reference`; return its bundle's hash."""
    bundle = str(read_json(stage / "reference.json")["bundle"])
    for name in ("reference.parquet", "reference.json"):
        write_bytes(references / bundle / name, (stage / name).read_bytes())
    return bundle


def load_reference(references: Path, bundle: str) -> pd.DataFrame:
    """The reference of a bundle: the columns of `Prediction`, `label` and `split`.

    Raises ConfigurationError where none was kept.
    """
    path = references / bundle / "reference.parquet"
    if not path.exists():
        raise ConfigurationError(
            f"there is no reference for bundle {bundle[:12]}", "train it on this installation, or copy its reference"
        )
    return pd.read_parquet(path)
