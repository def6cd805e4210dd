"""The bench of selection and classification on small tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radloop.bench.radmlbench import Judged, over_tables, tables_of
from radloop.bench.running import bench_radmlbench
from radloop.errors import ConfigurationError
from radloop.intervals import auroc_interval
from radloop.settings import Settings


def written(folder: Path, name: str, effect: float) -> None:
    random = np.random.default_rng(0)
    target = random.permutation(np.arange(60) % 2)
    values = random.normal(size=(60, 12))
    values[:, 0] += effect * target
    frame = pd.DataFrame(values).add_prefix("f")
    frame.insert(0, "ID", [f"case {at}" for at in range(60)])
    frame.assign(Target=target).to_csv(folder / f"{name}.csv.gz", index=False)


def test_each_table_is_judged_beside_both_baselines_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, "strong", 3)
    written(tmp_path, "weak", 0)
    settings = Settings(home=tmp_path / "home")
    bench_radmlbench(settings, tmp_path, folds=3, repeats=1, shuffles=1)
    kept = json.loads(next((settings.root / "bench").glob("radmlbench-*.json")).read_text())["rows"]
    assert [row["scorer"] for row in kept["rows"][:7]] == [
        "selected", "selected: best", "selected: logistic", "selected: trees", "selected: svm",
        "plain logistic", "random forest",
    ]  # fmt: skip
    strong = kept["rows"][0]
    assert strong["table"] == "strong"
    assert strong["low"] > 0.8
    assert kept["tables"][0]["permuted_low"] < 0.5 < kept["tables"][0]["permuted_high"]
    assert kept["rows"][5]["difference_low"] <= kept["rows"][5]["difference"] <= kept["rows"][5]["difference_high"]
    assert [row["tables"] for row in kept["mean"]] == [2] * 7
    assert sum(kept["tables"][1]["best"].values()) == 3
    told = capsys.readouterr().out
    assert "mean over tables" in told
    assert "case " not in told


def test_each_table_counts_once_and_their_errors_add_as_squares() -> None:
    def judged(gain: float, half: float) -> Judged:
        plain = {"auroc": 0.7, "one_model": 0.6, "difference": gain, "difference_low": gain - half}
        rows = [{"scorer": "selected", "auroc": 0.8, "one_model": 0.7}]
        rows += [{"scorer": "plain logistic", **plain, "difference_high": gain + half}]
        return Judged("t", pd.DataFrame(rows), auroc_interval([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]), {})

    ours, plain = over_tables([judged(0.1, 0.3), judged(0.0, 0.4)])
    assert ours["difference"] is None
    assert ours["mean_auroc"] == pytest.approx(0.8)
    told = [plain["difference"], plain["difference_low"], plain["difference_high"]]
    assert told == pytest.approx([0.05, 0.05 - 0.25, 0.05 + 0.25])


def test_a_table_that_cannot_be_dealt_is_refused_before_any_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, "first", 0)
    written(tmp_path, "second", 0)
    path = tmp_path / "second.csv.gz"
    pd.read_csv(path).head(8).to_csv(path, index=False)
    with pytest.raises(ConfigurationError, match="fewer than 5 folds"):
        bench_radmlbench(Settings(home=tmp_path / "home"), tmp_path, folds=5, repeats=1, shuffles=1)
    assert "first" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Target": 2}, "Target is not 0 or 1"),
        ({"f3": "a word"}, "no numbers in column f3"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, change: dict[str, object], said: str) -> None:
    written(tmp_path, "table", 0)
    path = tmp_path / "table.csv.gz"
    pd.read_csv(path).assign(**change).to_csv(path, index=False)
    with pytest.raises(ConfigurationError, match=said):
        tables_of(tmp_path)


def test_a_table_without_outcome_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no \.csv"):
        tables_of(tmp_path)
    pd.DataFrame({"ID": [1], "f": [2.0]}).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(ConfigurationError, match="no column Target"):
        tables_of(tmp_path)
