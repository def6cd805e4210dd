"""The bench of ROI features reads what engines answer, and judges by the reference's own tolerances."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from radloop.bench import features, oracles
from radloop.bench.features import Answer, asked, invented_pairs, our_answer, pairs_of, shares, speeds, within
from radloop.bench.running import bench_features
from radloop.errors import ConfigurationError
from radloop.files import read_json
from radloop.radiomics import RoiSettings
from radloop.settings import Settings

#: An engine of one feature, as `oracles.py` would find one in another environment.
ENGINE = """
from pathlib import Path
def extract(image):
    return len(Path(image).read_bytes())
"""


def test_a_value_is_right_within_the_tolerance_after_rounding_to_three_digits() -> None:
    assert within(0.84349, "0.843", "0") and not within(0.84351, "0.843", "0")
    assert within(559.4, "556", "4") and not within(561.0, "556", "4")
    assert not within(1.0, "", "") and not within(float("nan"), "1", "9")


def test_shares_count_what_is_offered_and_what_is_right(tmp_path: Path) -> None:
    reference = tmp_path / "reference.csv"
    reference.write_text("reference value;tolerance;tag\n2;0;a\n3;1;b\n;;c\n4;0;d\n")
    found = shares([Answer("x", "1", (1.0,), ({"a": 2.0, "b": 4.0, "c": 1.0, "z": 1.0},)), Answer("y", "2")], reference)
    assert [(one.engine, one.rows, one.offered, one.within) for one in found] == [("x 1", 4, 3, 2), ("y 2", 4, 0, 0)]


def test_speed_is_told_over_the_same_volumes_and_likeness_over_the_same_features() -> None:
    ours = Answer("ours", "", (1.0, 1.0), ({"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 2.0}))
    other = Answer("other", "3", (4.0, 2.0), ({"a": 1.001, "c": 0.0}, {"a": 1.5, "c": 0.0}))
    mine, its, failed = speeds([ours, other, Answer("third", "", failed="broke")])
    assert mine.alike == 1 and mine.features_per_second == 2
    assert (its.ours_times_as_fast, its.alike, its.features, its.goal) == (3, 0.5, 1, "at least 1: met")
    assert failed.failed == "broke" and failed.volumes == 0


def test_the_bench_runs_alone_and_says_that_it_skips_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench_features(Settings(home=tmp_path, workers=1), [], None, None, asked('{"resegment": {"outliers": 3}}'), 1)
    assert "name interpreters that have mirp, z-rad, nyxus or pycerr" in capsys.readouterr().out
    (kept,) = (tmp_path / "bench").glob("features-*.json")
    (row,) = read_json(kept)["rows"]
    assert row["volumes"] == 1 and row["features"] == 170


def test_another_interpreter_is_asked_by_a_script_that_needs_nothing_of_ours(tmp_path: Path) -> None:
    pairs = invented_pairs(tmp_path, 1)
    # this interpreter has none of the engines, and so answers nothing
    assert features.their_answers([Path(sys.executable)], pairs, RoiSettings(), tmp_path) == []
    with pytest.raises(ConfigurationError, match="is no interpreter"):
        features.their_answers([tmp_path / "python"], pairs, RoiSettings(), tmp_path)


def test_an_engine_answers_for_every_pair_and_one_that_breaks_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "its_engine.py").write_text(ENGINE)
    monkeypatch.syspath_prepend(str(tmp_path))

    def works(image: str, mask: str, task: oracles.Task) -> oracles.Features:
        import its_engine

        return {"bytes": float(its_engine.extract(image))}

    def breaks(image: str, mask: str, task: oracles.Task) -> oracles.Features:
        raise ValueError("too thin")

    monkeypatch.setattr(oracles.importlib.metadata, "version", lambda name: "1")
    monkeypatch.setattr(
        oracles, "ENGINES", {"good": ("its_engine", works), "bad": ("its_engine", breaks), "none": ("no_such", works)}
    )
    task = tmp_path / "task.json"
    task.write_text(json.dumps(features._task(invented_pairs(tmp_path, 2), RoiSettings())))
    oracles.main(str(task))
    good, bad = (features._read(line) for line in capsys.readouterr().out.splitlines())
    assert good.engine == "good" and len(good.seconds) == 2 and good.features[0]["bytes"] > 352
    assert bad.failed == "ValueError: too thin"


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ("spacing=2", "the text"), ('{"bins": 8}', "bins"), ('{"resample": {"spacing": [1, 1]}}', "resample.spacing"),
        ('{"volume_histogram": {"how": "fbs"}}', "how is fbs"),
    ],
)  # fmt: skip
def test_knobs_that_are_none_are_refused_by_their_place(knobs: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        asked(knobs)


def test_pairs_are_found_by_name_and_their_absence_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no pair"):
        pairs_of(tmp_path)
    for name in ("a_image.nii", "a_mask.nii", "b_image.nii.gz"):
        (tmp_path / name).touch()
    assert pairs_of(tmp_path) == [(tmp_path / "a_image.nii", tmp_path / "a_mask.nii")]


def test_invented_volumes_are_equal_for_equal_seeds(tmp_path: Path) -> None:
    pairs = invented_pairs(tmp_path, 2)
    before = [path.read_bytes() for pair in pairs for path in pair]
    again = invented_pairs(tmp_path, 2)
    assert before == [path.read_bytes() for pair in again for path in pair]
    assert all(len(found) == 170 for found in our_answer(pairs, RoiSettings()).features)
