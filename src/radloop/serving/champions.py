"""The champion, loaded; and a candidate held against it on the same cases."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radloop.bundle import Bundle, load_bundle
from radloop.catalog import read_contents
from radloop.errors import GateClosed
from radloop.imaging.pixels import read_pixels
from radloop.imaging.preprocess import preprocess
from radloop.params import Paths
from radloop.registry import ModelVersion, Registry, SameCases
from radloop.serving.reader import Served

COLUMNS = ["record_id", "patient_id", "label", "score", "bundle"]


def serving_version(registry: Registry, use_case: str) -> ModelVersion:
    """The version that serves.

    Raises GateClosed where none does, because no model has passed its gate yet.
    """
    version = registry.champion(use_case)
    if version is None:
        raise GateClosed(
            f"{use_case} has no champion.", f"radloop run train {use_case}, then radloop run deploy {use_case}"
        )
    return version


def bundle_of(registry: Registry, version: ModelVersion) -> Bundle:
    """A version's bundle, downloaded and checked, on this machine's engine."""
    return load_bundle(registry.bundle_path(version.use_case, version.version), runtime=registry.settings.engine)


def champion(registry: Registry, use_case: str) -> Served:
    """The champion's bundle, downloaded and checked, under the version by which the registry knows it.

    Raises GateClosed where there is none.
    """
    version = serving_version(registry, use_case)
    return Served(use_case, str(version.version), bundle_of(registry, version))


def same_cases(registry: Registry, paths: Paths, candidate: ModelVersion) -> SameCases | None:
    """Today's held-out test cases as the candidate and the champion see them; None with no other champion.

    The champion answers about films prepared in its own way, which may differ from the candidate's.
    """
    version = registry.champion(candidate.use_case)
    if version is None or version.version == candidate.version:
        return None
    judged = pd.read_parquet(paths.stage(candidate.use_case, "predict") / "predictions.parquet")
    test = judged[(judged["split"] == "test") & judged["label"].notna()].reset_index(drop=True)
    bundle = load_bundle(registry.bundle_path(candidate.use_case, version.version))
    scores = bundle.predict(_prepared(paths, candidate.use_case, test, bundle)).score
    return SameCases(test[COLUMNS], test[COLUMNS].assign(score=scores, bundle=bundle.hash))


def _prepared(paths: Paths, use_case: str, test: pd.DataFrame, bundle: Bundle) -> np.ndarray:
    index = pd.read_parquet(paths.stage(use_case, "prepare") / "index.parquet").set_index("record_id")
    rows = index.loc[test["record_id"]].reset_index()
    kinds, size = rows["content_type"].tolist(), bundle.preprocess.size
    films = np.empty((len(rows), size, size), np.uint8)
    for position, content in read_contents(paths.snapshot(use_case), rows):
        films[position] = preprocess(read_pixels(content, kinds[position]), bundle.preprocess)
    return films
