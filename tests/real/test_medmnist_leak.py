"""PneumoniaMNIST as it is published holds images in two splits: both finders must say which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from radloop.catalog import read_catalog
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.files import read_json
from radloop.gate import Gate, read_gate
from radloop.imaging.resample import shrink
from radloop.ingest import ingest
from radloop.params import Paths, UseCase
from radloop.quality.fingerprints import fingerprint
from radloop.quality.groups import EXCLUDED
from radloop.quality.leakage import shared_between_splits
from radloop.quality.near_duplicates import near_duplicates
from radloop.sources import open_source
from radloop.sources.instance import pixel_sha256
from radloop.stages import split, validate

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


@pytest.fixture(scope="module")
def tiny(case: UseCase) -> UseCase:
    """The use case with knobs for images of 28 pixels, which carry no fine structure: only copies count as alike."""
    return case.model_copy(
        update={
            "validate_": case.validate_.model_copy(update={"smallest_side": 28, "noise_below": 0.0}),
            "split": case.split.model_copy(update={"near_duplicate_distance": 0, "near_duplicate_correlation": 0.999}),
        }
    )


@pytest.fixture(scope="module")
def dealt(shared_data: Path, tiny: UseCase, tmp_path_factory: pytest.TempPathFactory) -> tuple[Paths, pd.DataFrame]:
    """The set after ingest, validate and split, and its catalog with the published split of every row."""
    folder = tmp_path_factory.mktemp("medmnist")
    paths = Paths(data=folder / "data", out=folder / "out")
    key = Pseudonyms(b"a key that only this test knows....")
    ingest(open_source("medmnist", shared_data / "medmnist", key), paths.snapshot(tiny.name))
    validate.run(tiny, paths)
    split.run(tiny, paths)
    catalog = read_catalog(paths.snapshot(tiny.name))
    with np.load(shared_data / "medmnist" / "pneumoniamnist.npz") as archive:
        sizes = [len(archive[f"{name}_images"]) for name in ("train", "val", "test")]
    return paths, catalog.assign(published=np.repeat(["train", "validation", "test"], sizes))


def doubled(catalog: pd.DataFrame) -> list[str]:
    """The pixels that the published dealing puts on two sides."""
    return shared_between_splits(catalog.assign(split=catalog["published"]), "pixel_sha256")


def test_the_ordinary_way_joins_the_doubled_images_on_one_side(
    dealt: tuple[Paths, pd.DataFrame], tiny: UseCase
) -> None:
    paths, catalog = dealt
    table = pq.read_table(paths.stage(tiny.name, "split") / "split.parquet").to_pandas()
    both = catalog.drop(columns="patient_id").merge(table, on="record_id")
    twice = both[both["pixel_sha256"].isin(doubled(catalog))]
    sides = twice.groupby("pixel_sha256")["split"].unique().map(list)
    print(f"{len(sides)} doubled images, {len(twice)} of {len(both)} accepted rows, now in {sides.sum()}")
    assert len(sides) == 8 and len(twice) >= 16
    assert sides.map(len).eq(1).all() and EXCLUDED not in sides.sum()
    assert shared_between_splits(both, "pixel_sha256") == []
    checks = {check.name: check for check in read_gate(paths.gate(tiny.name, "split")).checks}
    assert checks["equal_pixels"].holds and checks["patients_apart"].holds


def test_the_leakage_code_alone_joins_them_where_every_image_is_a_patient(
    dealt: tuple[Paths, pd.DataFrame], tiny: UseCase, tmp_path: Path
) -> None:
    """As if the set told a patient for each image, so that the source's own rule cannot help."""
    paths, catalog = dealt
    alone = Paths(data=tmp_path / "data", out=tmp_path / "out")
    alone.stage(tiny.name, "validate").mkdir(parents=True)
    for name in ("films", "accepted"):
        table = pd.read_parquet(paths.stage(tiny.name, "validate") / f"{name}.parquet")
        told = table.assign(patient_id=table["record_id"])
        told.to_parquet(alone.stage(tiny.name, "validate") / f"{name}.parquet")
    split.run(tiny, alone)
    report = read_json(alone.stage(tiny.name, "split") / "duplicates.json")
    pixels = catalog.set_index("record_id")["pixel_sha256"]
    found = {pixels[name] for pair in report["equal_pixels"] for name in pair}
    print(f"{len(report['equal_pixels'])} equal pairs, {len(found & set(doubled(catalog)))} of the doubled ones found")
    assert set(doubled(catalog)) <= found
    table = pq.read_table(alone.stage(tiny.name, "split") / "split.parquet").to_pandas()
    assert shared_between_splits(table.assign(pixel_sha256=table["record_id"].map(pixels)), "pixel_sha256") == []


def test_the_published_dealing_would_have_closed_the_gate(dealt: tuple[Paths, pd.DataFrame], tiny: UseCase) -> None:
    _, catalog = dealt
    label = catalog["findings"].map(lambda found: tiny.task.finding in found)
    as_published = catalog.assign(split=catalog["published"], group_id=catalog["patient_id"], label=label)
    gate = Gate("split", tiny.name, split.checks_of(tiny, as_published, []))
    closed = {check.name: check.seen for check in gate.failed}
    print(f"as published: {closed}")
    assert not gate.open and closed["equal_pixels"] == 8 and closed["patients_apart"] > 0
