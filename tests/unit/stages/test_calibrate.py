from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from radloop.errors import ConfigurationError
from radloop.files import read_json
from radloop.modeling.prepared import IMAGES, INDEX
from radloop.stages.calibrate import known_prevalence, run


def test_the_threshold_reaches_the_sensitivity_that_is_asked_for(hospital) -> None:
    found = read_json(hospital.out("calibrate") / "calibration.json")
    assert found["rule"] == "sensitivity"
    assert found["validation_sensitivity"] >= hospital.case.calibrate.sensitivity
    assert 0.0 < found["threshold"] < 1.0 and found["temperature"] > 0.0
    assert found["fitted_on"]["split"] == "validation"


def test_the_projection_has_the_dimensions_of_the_params(hospital) -> None:
    stored = load_file(hospital.out("calibrate") / "projection.safetensors")
    assert stored["components"].shape == (4, 512) and stored["mean"].shape == (512,)


@pytest.mark.parametrize("of_the_test", [True, False, None])
def test_the_prevalence_is_that_of_train_and_validation_whatever_the_test_split_holds(
    tmp_path: Path, of_the_test: bool | None
) -> None:
    seen = [("train", True), ("train", False), ("train", False), ("train", None), ("validation", False)]
    rows = [*seen, *[("test", of_the_test)] * 7]
    pd.DataFrame(rows, columns=["split", "label"]).to_parquet(tmp_path / INDEX)
    np.save(tmp_path / IMAGES, np.zeros((len(rows), 2, 2), np.uint8))
    assert known_prevalence(tmp_path) == 0.25


def test_the_prevalence_that_is_written_down_leaves_the_test_split_out(hospital) -> None:
    index = pd.read_parquet(hospital.out("prepare") / INDEX)
    known = index[(index["split"] != "test") & index["label"].notna()]
    found = read_json(hospital.out("calibrate") / "calibration.json")
    assert found["prevalence"] == known["label"].astype(bool).mean()


def test_without_a_training_calibrate_says_what_to_run(hospital, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="train stage"):
        run(hospital.case, hospital.paths)
