from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from radloop.bundle import load_bundle
from radloop.stages.predict import SCHEMA


def test_every_held_out_film_is_predicted_once_and_no_other(hospital) -> None:
    table = pq.read_table(hospital.out("predict") / "predictions.parquet")
    assert table.schema.equals(SCHEMA)
    found, index = table.to_pandas(), pd.read_parquet(hospital.out("prepare") / "index.parquet")
    assert set(found["record_id"]) == set(index.loc[index["split"] != "train", "record_id"])
    assert found["record_id"].is_unique and found["prediction_id"].is_unique
    assert set(found["channel"]) == {"predict"} and set(found["model_version"]) == {"unregistered"}


def test_the_predictions_are_those_of_the_bundle(hospital) -> None:
    found = pd.read_parquet(hospital.out("predict") / "predictions.parquet")
    index = pd.read_parquet(hospital.out("prepare") / "index.parquet").set_index("record_id")
    images = np.load(hospital.out("prepare") / "images.npy")
    bundle = load_bundle(hospital.out("package") / "bundle")
    scores = bundle.predict(images[index.loc[found["record_id"], "row"]])
    assert np.array_equal(found["logit"].astype(np.float32), scores.logit)
    assert np.array_equal(found["decision"], scores.score >= bundle.threshold)
    assert set(found["bundle"]) == {bundle.hash}
    assert found["embedding"].map(len).unique().tolist() == [4]


def test_a_positive_film_scores_higher_than_a_negative_one(hospital) -> None:
    found = pd.read_parquet(hospital.out("predict") / "predictions.parquet").dropna(subset="label")
    label = found["label"].astype(bool)
    assert found.loc[label, "score"].median() > found.loc[~label, "score"].median()


def test_predicting_needs_neither_torch_nor_monai() -> None:
    program = "import sys, radloop.stages.predict; sys.exit('torch' in sys.modules or 'monai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
