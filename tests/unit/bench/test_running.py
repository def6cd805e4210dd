"""Every part of `radloop bench`, on films and trainings so small that their figures mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitoring.bench import bench_seeds, monitor_job
from radloop.bench.jobs import STAGES
from radloop.bench.running import bench_folds, bench_inference, bench_jobs
from radloop.bench.setting import KNOBS, Size
from radloop.files import read_json
from radloop.settings import Settings

CASE = "chest_pneumonia"
#: So small that a minute or two are enough; the gates before training are as wide as they go.
TINY = {
    "prepare.size": 64, "train.epochs": 1, "train.batch_size": 16, "train.filters": 8, "task.accepts.smallest_side": 64,
    "validate.smallest_side": 64, "validate.smallest_rows": 20, "split.largest_imbalance": 0.9,
    "evaluate.svm_rows": 20, "evaluate.svm_side": 4, "evaluate.bootstrap": 1000, "evaluate.smallest_group": 2,
    "monitor.smallest_window": 10,
}  # fmt: skip
SIZE = Size(
    studies=60, month=24, written=4, side=128, runs=1, turns=1,
    knobs={**KNOBS, **{f"{CASE}.{name}": value for name, value in TINY.items()}},
)  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def settings(home: Path) -> Settings:
    return Settings(home=home, workers=2)


def test_every_job_of_the_loop_and_every_ratio_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench_jobs(settings(tmp_path), CASE, [monitor_job(CASE)], SIZE)
    told = capsys.readouterr().out
    wanted = ["help", "simulate", "ingest", *STAGES, "reference", "deploy", "infer", "monitor"]
    (jobs,), (ratios,) = (list((tmp_path / "bench").glob(f"{name}-*.json")) for name in ("jobs", "ratios"))
    rows = read_json(jobs)["rows"]
    assert [row["job"] for row in rows] == wanted
    assert all(row["seconds"] > 0 and row["peak MiB"] > 20 and row["runs"] == 1 for row in rows)
    assert "at least 40/s: " in rows[1]["goal"]
    memory = {row["job"]: row["peak MiB"] for row in rows}
    assert memory["help"] < 120 < memory["train"], "the help is no child of the bench's own size"
    table = told[told.index("each job as a process") :]
    assert all(f"│ {name}" in table for name in wanted) and "prepare.size=64" in table.replace("\n", " ")
    identity, prepare, serve, train = read_json(ratios)["rows"]
    assert identity["equal"] == "files equal byte for byte"
    assert prepare["equal"].startswith("60 films with the sha256 of the catalog, 32 prepared")
    assert serve["equal"].startswith("logits") and train["equal"].startswith("losses")
    assert train["goal"].startswith("at most 1.05: ") and prepare["ratio"] > 0
    assert not (tmp_path / "log").exists() and not (tmp_path / "retained").exists()


def test_the_network_is_compared_with_its_baselines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench_folds(settings(tmp_path), CASE, None, dict(SIZE.knobs), SIZE)
    told = capsys.readouterr().out
    assert all(name in told for name in ("network", "svm", "metadata"))
    (kept,) = (tmp_path / "bench").glob("folds-*.json")
    network, svm, metadata = read_json(kept)["rows"]
    assert network["n"] == svm["n"] == metadata["n"] == 120
    assert network["difference"] is None and svm["difference"] is not None


def test_a_seed_is_played_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench_seeds(settings(tmp_path), CASE, range(1), SIZE)
    assert "over 1 seeds" in capsys.readouterr().out
    (kept,) = (tmp_path / "bench").glob("seeds-*.json")
    (row,) = read_json(kept)["rows"]
    assert row["seed"] == 0 and row["rows"] == [24, 24] and row["quiet"] and row["shifted"]


def test_engines_are_timed_on_every_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench_inference(settings(tmp_path), CASE, threads=1, width=4, turns=1)
    assert "U-Net 4 to 64, 256 px" in capsys.readouterr().out
    (kept,) = (tmp_path / "bench").glob("inference-*.json")
    rows = read_json(kept)["rows"]
    networks = {row["network"]: row["engine"] for row in rows}
    assert len(networks) == 3 and all("int8" in engine for engine in networks.values())
    assert all(row["ms"] > 0 and row["turns"] == 1 and row["load"] > 0 for row in rows)
