"""MedMNIST's images become records with their findings; nobody is told twice to be somebody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError
from radloop.ingest import Admission, ingest
from radloop.png import read_png
from radloop.records import Arrival, Rejection
from radloop.sources import open_source
from radloop.sources.medmnist import CHEST


def write(folder: Path, name: str = "pneumoniamnist", count: int = 4, **arrays: Any) -> Path:
    """A set of `count` images per split; `arrays` replace some."""
    dice = np.random.default_rng(0)
    made: dict[str, Any] = {}
    for split in ("train", "val", "test"):
        made[f"{split}_images"] = dice.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        made[f"{split}_labels"] = (np.arange(count) % 2)[:, None]
    folder.mkdir(exist_ok=True)
    np.savez(folder / f"{name}.npz", **{**made, **arrays})
    return folder


def arrivals(folder: Path, pseudonyms: Pseudonyms) -> list[Arrival]:
    items = list(open_source("medmnist", folder, pseudonyms))
    assert [item for item in items if isinstance(item, Rejection)] == []
    return [item for item in items if isinstance(item, Arrival)]


def test_images_are_kept_as_png_with_their_findings(tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    folder = write(tmp_path / "m")
    found = arrivals(folder, pseudonyms)
    assert len(found) == len(open_source("medmnist", folder, pseudonyms)) == 12
    assert [one.record.findings for one in found[:4]] == [[], ["Pneumonia"], [], ["Pneumonia"]]
    with np.load(folder / "pneumoniamnist.npz") as archive:
        assert np.array_equal(read_png(found[5].content), archive["val_images"][1])
    assert ingest(open_source("medmnist", folder, pseudonyms), tmp_path / "d") == Admission(admitted=12)
    assert ingest(open_source("medmnist", folder, pseudonyms), tmp_path / "d") == Admission(already=12)


def test_an_image_that_stands_in_two_splits_is_one_patient(tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    same = np.full((4, 28, 28), 7, np.uint8)
    found = arrivals(write(tmp_path / "m", test_images=same), pseudonyms)
    assert len({one.record.patient_id for one in found}) == 9 and len({one.record.record_id for one in found}) == 12


def test_several_findings_of_a_chest_image_hold_at_once(tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    labels = np.zeros((4, 14), int)
    labels[0, [0, 13]] = 1
    each = {f"{split}_labels": labels for split in ("train", "val", "test")}
    found = arrivals(write(tmp_path / "m", "chestmnist_64", **each), pseudonyms)
    assert found[0].record.findings == [CHEST[0], CHEST[13]] and found[1].record.findings == []


def test_colour_and_unknown_labels_are_refused_one_by_one(tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    colour = {"val_images": np.zeros((4, 28, 28, 3), np.uint8), "test_labels": np.full((4, 1), 5)}
    items = list(open_source("medmnist", write(tmp_path / "m", **colour), pseudonyms))
    assert [item.reason for item in items if isinstance(item, Rejection)] == ["colour"] * 4 + ["unknown_label"] * 4


@pytest.mark.parametrize(
    ("name", "arrays", "said"),
    [
        ("pathmnist", {}, "pathmnist.npz is no set that radloop knows"),
        ("pneumoniamnist", {"val_images": np.array([{}])}, "cannot be read"),
        ("pneumoniamnist", {"val_images": np.zeros((4, 28, 28))}, "has not the arrays"),
        ("pneumoniamnist", {"val_labels": np.zeros((3, 1))}, "has not the arrays"),
    ],
)
def test_a_file_that_is_no_known_set_is_refused(
    tmp_path: Path, pseudonyms: Pseudonyms, name: str, arrays: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        open_source("medmnist", write(tmp_path / "m", name, **arrays), pseudonyms)


def test_an_empty_folder_is_refused(tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    with pytest.raises(ConfigurationError, match=r"holds no \.npz"):
        open_source("medmnist", tmp_path, pseudonyms)
