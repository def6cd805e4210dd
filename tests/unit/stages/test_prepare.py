from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radloop.catalog import read_catalog, read_content
from radloop.errors import GateClosed
from radloop.files import read_json
from radloop.imaging.films import prepare_film
from radloop.imaging.preprocess import Preprocess
from radloop.records import STATISTICS
from radloop.stages.prepare import index_of, prepare_films, summary_of


def test_every_accepted_film_has_one_row_with_split_label_and_statistics(hospital) -> None:
    index = pd.read_parquet(hospital.out("prepare") / "index.parquet")
    images = np.load(hospital.out("prepare") / "images.npy", mmap_mode="r")
    assert images.shape == (150, 32, 32) and images.dtype == np.uint8
    assert index["row"].tolist() == list(range(150))
    assert index["record_id"].is_monotonic_increasing
    assert index[[name for name in STATISTICS if name != "image_field"]].notna().all().all()
    assert index["image_field"].isna().all(), "no film tells its spacing"
    assert set(index["split"]) == {"train", "validation", "test"}


def test_the_label_of_a_film_that_nobody_looked_at_is_missing(hospital) -> None:
    index = pd.read_parquet(hospital.out("prepare") / "index.parquet").set_index("record_id")
    assert index.loc["r0149", "label"] is None
    assert index.loc["r0003", "label"] and not index.loc["r0004", "label"]


def test_a_stored_film_and_the_same_film_live_give_identical_tensors(hospital) -> None:
    index = pd.read_parquet(hospital.out("prepare") / "index.parquet").set_index("record_id")
    images = np.load(hospital.out("prepare") / "images.npy")
    snapshot = hospital.folder / hospital.paths.snapshot(hospital.case.name)
    settings = Preprocess(**hospital.case.prepare.model_dump())
    for row in list(read_catalog(snapshot).itertuples())[:10]:
        live, statistics = prepare_film(read_content(snapshot, row), row.content_type, settings, row.bits_stored)
        assert np.array_equal(live, images[index.loc[row.record_id, "row"]])
        stored = index.loc[row.record_id, list(STATISTICS)]
        assert statistics == {name: None if pd.isna(value) else value for name, value in stored.items()}


def test_two_processes_write_what_one_writes(hospital, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("radloop.imaging.films.CHUNK", 16)
    snapshot = hospital.folder / hospital.paths.snapshot(hospital.case.name)
    films, settings = read_catalog(snapshot), Preprocess(24, 1.0, 99.0)
    one = prepare_films(snapshot, films, settings, tmp_path / "one.npy", 1)
    two = prepare_films(snapshot, films, settings, tmp_path / "two.npy", 2)
    assert one == two
    assert (tmp_path / "one.npy").read_bytes() == (tmp_path / "two.npy").read_bytes()


def test_a_film_that_cannot_be_read_is_left_out_and_counted(hospital) -> None:
    snapshot = hospital.folder / hospital.paths.snapshot(hospital.case.name)
    films = read_catalog(snapshot).head(4).assign(split="train")
    facts = dict.fromkeys(STATISTICS, 0.5)
    found = [facts, {"rejected": "png_damaged"}, facts, facts]
    index = index_of(films, found, "Pneumonia")
    assert index["record_id"].tolist() == [films["record_id"][i] for i in (0, 2, 3)]
    assert index["row"].tolist() == [0, 1, 2] and index["position"].tolist() == [0, 2, 3]
    summary = summary_of(index, found, Preprocess(24, 1.0, 99.0))
    assert summary["left_out"] == {"png_damaged": 1}
    assert summary["splits"]["train"]["positive"] == 2


def test_damaged_bytes_in_the_snapshot_do_not_stop_the_others(hospital, tmp_path) -> None:
    snapshot = hospital.folder / hospital.paths.snapshot(hospital.case.name)
    films = read_catalog(snapshot).head(3)
    films.loc[1, "length"] = 40
    found = prepare_films(snapshot, films, Preprocess(24, 1.0, 99.0), tmp_path / "images.npy", 1)
    assert ["rejected" in facts for facts in found] == [False, True, False]
    assert np.load(tmp_path / "images.npy")[1].max() == 0


def test_the_summary_counts_patients_and_positives_per_split(hospital) -> None:
    summary = read_json(hospital.out("prepare") / "summary.json")
    assert summary["images"] == 150 and summary["left_out"] == {}
    assert sum(split["patients"] for split in summary["splits"].values()) == 150


def test_a_snapshot_with_nothing_accepted_closes_the_gate(hospital, tmp_path, monkeypatch) -> None:
    from radloop.stages.prepare import films_of

    empty = pd.DataFrame({"record_id": pd.Series([], dtype=str), "split": pd.Series([], dtype=str)})
    monkeypatch.chdir(tmp_path)
    for verb, name in (("validate", "accepted"), ("split", "split")):
        folder = hospital.paths.stage("empty", verb)
        folder.mkdir(parents=True)
        (empty if verb == "split" else empty[["record_id"]]).to_parquet(folder / f"{name}.parquet")
    with pytest.raises(GateClosed, match="no accepted film"):
        films_of(hospital.paths, "empty")
