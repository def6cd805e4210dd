from __future__ import annotations

import pytest
from safetensors.numpy import load_file

from radloop.errors import ConfigurationError
from radloop.files import read_json
from radloop.stages.calibrate import run


def test_the_threshold_reaches_the_sensitivity_that_is_asked_for(hospital) -> None:
    found = read_json(hospital.out("calibrate") / "calibration.json")
    assert found["rule"] == "sensitivity"
    assert found["validation_sensitivity"] >= hospital.case.calibrate.sensitivity
    assert 0.0 < found["threshold"] < 1.0 and found["temperature"] > 0.0
    assert found["fitted_on"]["split"] == "validation"


def test_the_projection_has_the_dimensions_of_the_params(hospital) -> None:
    stored = load_file(hospital.out("calibrate") / "projection.safetensors")
    assert stored["components"].shape == (4, 512) and stored["mean"].shape == (512,)


def test_without_a_training_calibrate_says_what_to_run(hospital, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="train stage"):
        run(hospital.case, hospital.paths)
