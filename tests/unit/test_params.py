"""params.yaml: typed, frozen, and unforgiving of misspelt knobs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from radloop.errors import ConfigurationError
from radloop.params import Classification, Params, override
from radloop.sections.intake import Deidentify
from radloop.settings import PROJECT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    return tmp_path


def test_an_unknown_use_case_names_the_known_ones(params: Params) -> None:
    with pytest.raises(ConfigurationError, match="'knee_fracture'; known: chest_pneumonia"):
        params.use_case("knee_fracture")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("learning_rate:", "learning_rat:", "learning_rat"),
        ("epochs: 20", "epochs: many", "epochs"),
        ("epochs: 20", "epochs: 0", "epochs"),
        ("rule: sensitivity ", "rule: best ", "rule"),
        ("false_alarm_rate: 0.01", "false_alarm_rate: 0.0", "false_alarm_rate"),
    ],
)
def test_a_malformed_knob_is_named(folder: Path, old: str, new: str, said: str) -> None:
    path = folder / "params.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigurationError, match=said) as refusal:
        Params.load(folder).use_case("chest_pneumonia")
    assert refusal.value.next_step


@pytest.mark.parametrize("text", ["paths: [", "paths: {data: data}", "[]", "paths: {data: d, out: o, tmp: t}"])
def test_a_file_that_is_no_params_yaml_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"params\.yaml"):
        Params.load(tmp_path)


def test_a_folder_without_params_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no params\.yaml"):
        Params.load(tmp_path)


def test_knobs_cannot_be_changed_at_run_time(case: Classification) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        case.train.epochs = 1  # type: ignore[misc]


def test_an_override_changes_one_knob_and_keeps_every_comment(folder: Path) -> None:
    path = folder / "params.yaml"
    before = path.read_text()
    override(path, {"chest_pneumonia.train.learning_rate": 0.5})
    after = path.read_text()
    changed = [new for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert len(changed) == 1 and "learning_rate: 0.5" in changed[0] and "# peak of the one-cycle" in changed[0]
    assert Params.load(folder).use_case("chest_pneumonia").train.learning_rate == 0.5
    override(path, {"chest_pneumonia.train.learning_rate": 0.001})
    assert yaml.safe_load(path.read_text()) == yaml.safe_load(before)


@pytest.mark.parametrize("knob", ["chest_pneumonia.train.learning_rat", "knee.train.epochs", "epochs"])
def test_an_override_of_a_knob_that_is_not_there_is_refused_and_writes_nothing(folder: Path, knob: str) -> None:
    before = (folder / "params.yaml").read_text()
    with pytest.raises(ConfigurationError, match="no knob"):
        override(folder / "params.yaml", {knob: 1})
    assert (folder / "params.yaml").read_text() == before


def test_the_declared_profile_is_the_documented_default(params: Params) -> None:
    told = yaml.safe_load((PROJECT / "params.yaml").read_text())["deidentify"]
    assert told == Deidentify().model_dump()
    assert params.deidentify == Deidentify()


def test_a_misspelt_knob_of_the_profile_is_refused(folder: Path) -> None:
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace("retain_uids: false", "retain_uid: false"))
    with pytest.raises(ConfigurationError, match="retain_uid"):
        Params.load(folder)


def test_every_knob_is_commented(params: Params) -> None:
    sections, commented = Classification.model_fields, (PROJECT / "params.yaml").read_text().count("#")
    assert len(sections) > 10 and commented >= 60
