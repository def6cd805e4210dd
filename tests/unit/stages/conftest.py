"""A tiny hospital whose positives have a bright spot, taken through all stages of a model once."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from radloop.catalog import admit, read_catalog
from radloop.files import sha256, write_json
from radloop.gate import Check, Gate, write_gate
from radloop.params import Params, Paths, UseCase, override
from radloop.records import Arrival, Record, Stored, schema_of
from radloop.settings import PROJECT
from radloop.stages import run_stage

CASE = "chest_pneumonia"
CHANGES = {
    "prepare.size": 32, "train.network": "resnet10", "train.epochs": 4, "train.batch_size": 16,
    "train.small_epochs": 1, "train.small_size": 24, "train.learning_rate": 0.003, "train.average_decay": 0.9,
    "calibrate.projection": 4,
}  # fmt: skip


@dataclass(frozen=True)
class Hospital:
    """A workspace folder with the case that its params.yaml describes."""

    folder: Path
    case: UseCase
    paths: Paths

    def out(self, verb: str) -> Path:
        return self.folder / self.paths.stage(CASE, verb)


def film(number: int, positive: bool) -> np.ndarray:
    """A noisy slope, uint8 [140, 160], with a spot for positives."""
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[0:140, 0:160]
    picture = 60 + 0.4 * rows + rng.normal(0, 6, (140, 160))
    middle = rng.uniform(45, 95), rng.uniform(45, 115)
    spot = np.exp(-((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2) / 400)
    return np.clip(picture + 90 * positive * spot, 0, 255).astype(np.uint8)


def arrivals(count: int) -> Iterator[Arrival]:
    """Films of `count` patients, a third of them positive; the last was never looked at."""
    for number in range(count):
        positive = number % 3 == 0
        pixels = film(number, positive)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "png")
        content = stream.getvalue()
        yield Arrival(
            Record(
                record_id=f"r{number:04d}", patient_id=f"p{number:04d}", study_id=f"s{number:04d}",
                instance_uid=f"2.25.{number + 1}", source="test", content_type="image/png", sha256=sha256(content),
                pixel_sha256=sha256(pixels.tobytes()), rows=140, columns=160, bits_stored=8,
                photometric_interpretation="MONOCHROME2", view="PA", sex="FM"[number % 2], age=40.0 + number % 30,
                acquired_on=date(2024, 1, 1 + number % 28) if number % 2 else None,
                findings=None if number == count - 1 else ["Pneumonia"] if positive else [],
            ),
            content,
        )  # fmt: skip


def found_hospital(folder: Path, count: int) -> Hospital:
    """Write params.yaml, a snapshot, and what validate and split would have said of it."""
    (folder / "params.yaml").write_bytes((PROJECT / "params.yaml").read_bytes())
    override(folder / "params.yaml", {f"{CASE}.{knob}": value for knob, value in CHANGES.items()})
    params = Params.load(folder)
    case, paths = params.use_case(CASE), params.paths
    admit(folder / paths.snapshot(CASE), arrivals(count))
    catalog = read_catalog(folder / paths.snapshot(CASE))
    for verb in ("validate", "split"):
        stage = folder / paths.stage(CASE, verb)
        stage.mkdir(parents=True)
        write_gate(stage / "gate.json", Gate(verb, CASE, (Check("enough", True, count, "some"),)))
    table = pa.Table.from_pandas(catalog, schema=schema_of(Stored), preserve_index=False)
    pq.write_table(table, folder / paths.stage(CASE, "validate") / "accepted.parquet")
    splits = ["train", "train", "train", "validation", "test"]
    dealt = pd.DataFrame({
        "record_id": catalog["record_id"], "patient_id": catalog["patient_id"], "group_id": catalog["patient_id"],
        "split": [splits[number // 3 % 5] for number in range(len(catalog))],
    })  # fmt: skip
    dealt.to_parquet(folder / paths.stage(CASE, "split") / "split.parquet")
    write_json(folder / "hospital.json", {"count": count})
    return Hospital(folder, case, paths)


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """The hospital after prepare, train, calibrate, package and predict; tests only read it."""
    folder = tmp_path_factory.mktemp("hospital")
    built = found_hospital(folder, 150)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("RADLOOP_THREADS", "1")
        for verb in ("prepare", "train", "calibrate", "package", "predict"):
            run_stage(verb, CASE)
    yield built
