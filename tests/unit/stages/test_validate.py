from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from radloop.catalog import admit, read_catalog
from radloop.errors import ConfigurationError, GateClosed
from radloop.files import read_json, sha256_file
from radloop.gate import require
from radloop.imaging.inversion import frontal_chest
from radloop.params import Paths, UseCase
from radloop.records import QUALITY, Arrival, Stored, schema_of
from radloop.sources.instance import png_arrival
from radloop.stages import validate

FILMS = 110


def chest(seed: int) -> np.ndarray:
    """A patient's film, uint8 [160, 160]: what chests share, with a texture of the patient's own."""
    texture = np.random.default_rng(seed).normal(0.0, 0.9, (20, 20)).astype(np.float32)
    shared = Image.fromarray(frontal_chest().astype(np.float32)).resize((160, 160), Image.Resampling.BICUBIC)
    own = Image.fromarray(texture).resize((160, 160), Image.Resampling.BICUBIC)
    return np.clip(128.0 + 40.0 * (np.asarray(shared) + np.asarray(own)), 0, 255).astype(np.uint8)


def arrival(number: int, pixels: np.ndarray, **facts: Any) -> Arrival:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    told = {"sex": "F", "age": 50.0, "view": "PA", "findings": ["Pneumonia"] if number % 3 == 0 else []}
    ids = {"patient_id": f"patient-{number}", "study_id": f"study-{number}"}
    return png_arrival(stream.getvalue(), pixels, "test", f"2.25.{number}", **{**told, **ids, **facts})


def bordered(film: np.ndarray) -> np.ndarray:
    """The film inside a black border of 16 pixels."""
    inside = np.zeros_like(film)
    inside[16:-16, 16:-16] = film[16:-16, 16:-16]
    return inside


def arrivals() -> Iterator[Arrival]:
    for number in range(FILMS):
        yield arrival(number, bordered(chest(number)) if number == 1 else chest(number))
    yield arrival(200, chest(200), age=412.0)
    yield arrival(201, 255 - chest(201))
    yield arrival(202, np.full((160, 160), 77, np.uint8))
    yield arrival(203, np.random.default_rng(1).integers(0, 256, (160, 160)).astype(np.uint8))
    yield arrival(204, chest(204), modality="CT", sex="W")
    yield arrival(205, chest(205)[::2, ::2])
    yield arrival(300, np.eye(160, dtype=np.uint8), role="mask", of="2.25.9")


EXPECTED = {
    "patient-200": ["age_out_of_range"],
    "patient-201": ["inverted"],
    "patient-202": ["constant"],
    "patient-203": ["noise_only"],
    "patient-204": ["sex_unknown_code", "modality_not_accepted"],
    "patient-205": ["too_small"],
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory, case: UseCase) -> Paths:
    """A workspace whose snapshot has been validated once."""
    folder = tmp_path_factory.mktemp("workspace")
    paths = Paths(data=folder / "data", out=folder / "out")
    admit(paths.snapshot(case.name), arrivals())
    validate.run(case, paths)
    return paths


def written(paths: Paths, case: UseCase, name: str) -> Path:
    return paths.stage(case.name, "validate") / name


def test_each_faulty_film_is_quarantined_with_its_reasons_and_none_other(paths: Paths, case: UseCase) -> None:
    quarantined = pd.read_parquet(written(paths, case, "quarantined.parquet"))
    assert {row.patient_id: list(row.reasons) for row in quarantined.itertuples()} == EXPECTED


def test_every_image_of_the_catalog_is_in_one_of_two_tables_unchanged(paths: Paths, case: UseCase) -> None:
    accepted = pq.read_table(written(paths, case, "accepted.parquet"))
    quarantined = pq.read_table(written(paths, case, "quarantined.parquet"))
    assert accepted.schema.names == [*schema_of(Stored).names, *QUALITY]
    both = [
        *accepted.drop_columns(list(QUALITY)).to_pylist(),
        *quarantined.drop_columns(["reasons", *QUALITY]).to_pylist(),
    ]
    parts = [pq.read_table(path) for path in (paths.snapshot(case.name) / "catalog").glob("*.parquet")]
    assert sorted(both, key=lambda row: row["record_id"]) == sorted(
        (row for part in parts for row in part.to_pylist() if row["role"] != "mask"), key=lambda row: row["record_id"]
    )


def test_masks_are_no_films_and_one_without_its_image_is_set_aside(paths: Paths, case: UseCase) -> None:
    tables = [pd.read_parquet(written(paths, case, f"{name}.parquet")) for name in ("accepted", "quarantined", "films")]
    assert [len(table) for table in tables] == [FILMS, len(EXPECTED), FILMS + len(EXPECTED)]
    masks = pd.read_parquet(written(paths, case, "masks.parquet"))
    assert masks["patient_id"].tolist() == ["patient-300"]
    assert list(masks["reasons"][0]) == ["mask_of_no_image"]
    told = read_json(written(paths, case, "summary.json"))
    assert (told["masks"], told["masks_accepted"]) == (1, 0)


def test_the_gate_is_open_and_says_what_it_saw(paths: Paths, case: UseCase) -> None:
    gate = require(paths.gate(case.name, "validate"))
    assert {check.name: check.seen for check in gate.checks} == {
        "schema": "as declared", "stopping_rows": "none", "smallest_rows": FILMS,
        "largest_quarantine": round(6 / (FILMS + 6), 4), "prevalence": round(37 / FILMS, 4),
    }  # fmt: skip
    summary = read_json(written(paths, case, "summary.json"))
    assert (summary["accepted"], summary["quarantined"]) == (FILMS, 6)


def test_what_only_warns_is_told_on_data_docs_and_in_the_summary(paths: Paths, case: UseCase) -> None:
    told = read_json(written(paths, case, "summary.json"))
    assert told["warned_by_reason"]["wide_border"] >= 1 and told["sites"]["sites"] == 0
    index = written(paths, case, "data_docs").joinpath("index.html").read_text()
    for reason, count in told["warned_by_reason"].items():
        assert f'<td>{reason}</td><td>warn</td><td class="warns">warns</td><td>{count} of ' in index
    assert "<td>age_out_of_range</td><td>quarantine</td>" in index and "<td>smallest_rows</td><td>stop</td>" in index
    assert index.index("<td>age_out_of_range</td>") < index.index("<td>wide_border</td>")


def test_blank_films_get_no_fingerprint_because_they_are_all_alike(paths: Paths, case: UseCase) -> None:
    films = pd.read_parquet(written(paths, case, "films.parquet")).set_index("patient_id")
    assert films.index[films["bits"].isna()].tolist() == ["patient-202", "patient-203"]
    assert films.index[~films["shows"]].tolist() == ["patient-202", "patient-203"]


def test_data_docs_tell_no_patient(paths: Paths, case: UseCase) -> None:
    catalog = read_catalog(paths.snapshot(case.name))
    secrets = set(catalog[["record_id", "patient_id", "study_id", "instance_uid", "sha256"]].to_numpy().ravel())
    pages = {path.name: path.read_text() for path in written(paths, case, "data_docs").glob("*.html")}
    assert set(pages) == {f"{name}.html" for name in ("index", "schema", "rows", "films", "masks", "snapshot")}
    assert [secret for secret in secrets for page in pages.values() if secret in page] == []
    assert "412" not in pages["rows.html"]


def test_validating_again_changes_no_byte_and_never_the_snapshot(paths: Paths, case: UseCase) -> None:
    def hashes() -> dict[Path, str]:
        return {
            path: sha256_file(path) for root in (paths.data, paths.out) for path in root.rglob("*.*") if path.is_file()
        }

    before = hashes()
    validate.run(case, paths)
    assert hashes() == before


def test_too_few_films_close_the_gate(tmp_path: Path, case: UseCase) -> None:
    paths = Paths(data=tmp_path / "data", out=tmp_path / "out")
    admit(paths.snapshot(case.name), [arrival(n, chest(n)) for n in range(6)])
    validate.run(case, paths)
    with pytest.raises(GateClosed, match="smallest_rows: saw 6"):
        require(paths.gate(case.name, "validate"))


def test_no_snapshot_is_a_clear_error(tmp_path: Path, case: UseCase) -> None:
    with pytest.raises(ConfigurationError, match="no catalog"):
        validate.run(case, Paths(data=tmp_path / "data", out=tmp_path / "out"))
