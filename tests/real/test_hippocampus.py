"""Two minutes of learning on real MR: the chain of a use case that segments, to a Dice that must be reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.files import read_json
from radloop.ingest import ingest
from radloop.params import override
from radloop.settings import PROJECT
from radloop.sources import open_source
from radloop.stages import run_stage

CASE = "hippocampus"
#: A fifth of the epochs of params.yaml, and one look at each test case.
BRIEF = {"segment.epochs": 5, "segment.patience": 5, "delineate.flips": False, "overlap.bootstrap": 1000}
#: What these epochs must reach on the test patients; the average of the training masks has 0.69.
LEAST = 0.72


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_few_epochs_on_real_hippocampi_find_both_parts(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    override(tmp_path / "params.yaml", {f"{CASE}.{name}": value for name, value in BRIEF.items()})
    pseudonyms = Pseudonyms(b"a key that only this test knows....")
    ingest(open_source("msd", shared_data / "msd_hippocampus", pseudonyms), tmp_path / "data" / CASE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RADLOOP_HOME", str(tmp_path / "home"))
    for verb in ("validate", "split", "plan", "resample", "segment", "export", "delineate", "overlap"):
        run_stage(verb, CASE)
    scalars = read_json(tmp_path / "out" / CASE / "overlap" / "metrics.json")["scalars"]
    assert scalars["dice"] >= LEAST
    assert min(scalars["dice_1"], scalars["dice_2"]) >= LEAST - 0.05
    assert scalars["difference_atlas_low"] > 0
