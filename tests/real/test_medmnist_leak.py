"""PneumoniaMNIST as it is published holds images in two splits: both finders must say which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radloop.imaging.resample import shrink
from radloop.quality.fingerprints import fingerprint
from radloop.quality.leakage import shared_between_splits
from radloop.quality.near_duplicates import near_duplicates
from radloop.sources.instance import pixel_sha256

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def images(shared_data: Path) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """One row per image with its published split, every image a patient of its own, and the images."""
    with np.load(shared_data / "medmnist" / "pneumoniamnist.npz") as archive:
        pictures = {split: list(archive[f"{split}_images"]) for split in ("train", "val", "test")}
    rows = [(split, pixel_sha256(picture)) for split, several in pictures.items() for picture in several]
    table = pd.DataFrame(rows, columns=["split", "pixel_sha256"])
    return table.assign(patient_id=table.index.astype(str)), [one for several in pictures.values() for one in several]


def test_exactly_eight_images_stand_in_two_splits(images: tuple[pd.DataFrame, list[np.ndarray]]) -> None:
    table, _ = images
    assert len(table) == 5856
    assert len(shared_between_splits(table, "pixel_sha256")) == 8


def test_the_near_duplicate_finder_finds_them_too(images: tuple[pd.DataFrame, list[np.ndarray]]) -> None:
    table, pictures = images
    prints = [fingerprint(shrink(picture)) for picture in pictures]
    owners = table["patient_id"].tolist()
    pairs = near_duplicates(prints, owners, distance=0, correlation=0.999)
    splits, pixels = table["split"].to_list(), table["pixel_sha256"].to_list()
    across = [pair for pair in pairs if splits[pair.first] != splits[pair.second]]
    assert {pixels[place] for pair in across for place in (pair.first, pair.second)} == set(
        shared_between_splits(table, "pixel_sha256")
    )
