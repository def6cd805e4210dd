"""The stages evaluate and reference, on a small workspace made in memory and written where DVC would."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from radloop.errors import ConfigurationError, GateClosed
from radloop.evaluation.names import BASELINES, MEASURES, SCALARS
from radloop.gate import read_gate, require
from radloop.params import Params, Paths, UseCase
from radloop.records import Prediction, table_of
from radloop.stages import evaluate, reference

THRESHOLD = 0.5


def make_index(n: int, seed: int, shortcut: bool = False) -> pd.DataFrame:
    """Prepared images of n / 2 patients, who are dealt to the splits by number."""
    random = np.random.default_rng(seed)
    patient = np.arange(n) // 2
    label = random.random(n) < 0.45
    sick_view = np.where(label, "AP", "PA") if shortcut else random.choice(["PA", "AP"], n)
    return pd.DataFrame(
        {
            "row": np.arange(n),
            "record_id": [f"record-{i:04d}" for i in range(n)],
            "patient_id": [f"patient-{i:04d}" for i in patient],
            "split": np.select([patient % 10 < 6, patient % 10 < 7], ["train", "validation"], "test"),
            "label": label,
            "source": "simulated",
            "sex": random.choice(["F", "M"], n),
            "age": random.uniform(20, 90, n),
            "view": sick_view,
            "site": random.choice(["north", "south"], n),
            "manufacturer": random.choice(["Aster", "Borealis"], n),
            "acquisition_group": None,
        }
    )


def make_predictions(index: pd.DataFrame, strength: float, seed: int) -> pd.DataFrame:
    """What a model of that strength would say of validation and test."""
    random = np.random.default_rng(seed)
    held_out = index[index["split"] != "train"]
    score = expit(strength * (held_out["label"].to_numpy() - 0.5) * 2 + random.normal(0, 1, len(held_out)))
    rows = [
        Prediction(
            prediction_id=f"prediction-{row.row}", predicted_at=datetime(2024, 1, 1, tzinfo=UTC),
            received_on=date(2024, 1, 1), use_case="chest_pneumonia", model_version="candidate", bundle="b" * 64,
            input_sha256="0" * 64, record_id=row.record_id, patient_id=row.patient_id, study_id="study",
            logit=float(logit(value)), score=float(value), threshold=THRESHOLD, decision=bool(value >= THRESHOLD),
            latency_ms=1.0, channel="predict", view=row.view, sex=row.sex, age=row.age, site=row.site,
            manufacturer=row.manufacturer,
        )
        for row, value in zip(held_out.itertuples(), score, strict=True)
    ]  # fmt: skip
    table = table_of(Prediction, rows).to_pandas()
    return table.assign(split=held_out["split"].to_numpy(), label=held_out["label"].to_numpy())


def write_inputs(folder: Path, index: pd.DataFrame, predictions: pd.DataFrame) -> Paths:
    paths = Paths(data=folder / "data", out=folder / "out")
    stages = {verb: paths.stage("chest_pneumonia", verb) for verb in ("prepare", "train", "package", "predict")}
    for stage in stages.values():
        stage.mkdir(parents=True)
    random = np.random.default_rng(0)
    images = random.integers(0, 120, (len(index), 40, 40))
    images[index["label"].to_numpy(dtype=bool), 10:20, 10:20] += 4
    np.save(stages["prepare"] / "images.npy", images.astype(np.uint8))
    index.to_parquet(stages["prepare"] / "index.parquet", index=False)
    predictions.to_parquet(stages["predict"] / "predictions.parquet", index=False)
    (stages["train"] / "training.json").write_text(json.dumps({"network": {"name": "resnet18"}, "best_epoch": 7}))
    (stages["package"] / "bundle.sha256").write_text("b" * 64 + "\n")
    return paths


def workspace(folder: Path, strength: float = 2.5, n: int = 500, shortcut: bool = False) -> Paths:
    index = make_index(n, 0, shortcut)
    return write_inputs(folder, index, make_predictions(index, strength, 1))


def judged(paths: Paths, case: UseCase) -> Path:
    evaluate.run(case, paths)
    return paths.stage(case.name, "evaluate")


@pytest.fixture
def unpictured(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pictures, for tests that look at none: they take most of the time."""
    monkeypatch.setattr(evaluate, "draw_all", lambda found, folder: [])


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs for a good model."""
    case = Params.load(Path(__file__).parents[3]).use_case("chest_pneumonia")
    return judged(workspace(tmp_path_factory.mktemp("good")), case)


def test_a_good_model_opens_its_gate_and_every_output_is_there(good: Path) -> None:
    assert read_gate(good / "gate.json").open
    names = {str(path.relative_to(good)) for path in good.rglob("*") if path.is_file()}
    figures = {f"figures/{name}.png" for name in ("roc", "precision_recall", "reliability", "scores", "subgroups")}
    tables = {"subgroups.json", "subgroups.parquet", "metrics.json"}
    assert names == {"gate.json", "report.html", "model_card.md"} | tables | figures


def test_the_scalars_have_the_fixed_names_and_only_those(good: Path) -> None:
    content = json.loads((good / "metrics.json").read_text())
    assert set(content["scalars"]) <= set(SCALARS)
    assert {f"{measure}{bound}" for measure in MEASURES for bound in ("", "_low", "_high")} <= set(content["scalars"])
    assert content["scalars"]["gate_open"] == 1.0
    assert set(content["baselines"]) == set(BASELINES)
    assert len(content["test_set_sha256"]) == 64 and content["bundle"] == "b" * 64


def test_the_report_stands_alone_and_says_the_verdict_first(good: Path) -> None:
    page = (good / "report.html").read_text()
    assert page.index("The gate is open") < page.index("<table")
    assert page.count("data:image/png;base64,") == 5
    assert "http" not in page.replace("http-equiv", "") and "<script" not in page
    assert "simulated" in page


def test_no_output_names_a_patient_or_a_record(good: Path) -> None:
    for path in good.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"patient-0" not in content and b"record-0" not in content, path.name


def test_the_card_says_use_data_figures_and_limits(good: Path) -> None:
    card = (good / "model_card.md").read_text()
    for heading in ("Model", "Intended use", "Data", "Performance", "Against plain baselines", "Subgroups", "Gate"):
        assert f"## {heading}" in card
    assert "must not decide alone" in card and "| training network | name resnet18 |" in card


def test_the_subgroup_table_is_the_same_as_parquet_and_json(good: Path) -> None:
    table = pd.read_parquet(good / "subgroups.parquet")
    rows = json.loads((good / "subgroups.json").read_text())["subgroups"]
    assert [row["group"] for row in rows] == list(table["group"])
    assert [row["n"] for row in rows] == list(table["n"])
    assert set(table["attribute"]) == {"sex", "age_band", "view", "site", "manufacturer"}


def test_judging_again_gives_the_same_bytes(tmp_path: Path, case: UseCase) -> None:
    paths = workspace(tmp_path, n=300)
    first, second = ({p.name: p.read_bytes() for p in judged(paths, case).rglob("*") if p.is_file()} for _ in range(2))
    assert first == second


@pytest.mark.usefixtures("unpictured")
def test_a_poor_model_ends_well_with_a_closed_gate_that_says_why(tmp_path: Path, case: UseCase) -> None:
    folder = judged(workspace(tmp_path, strength=0.05), case)
    gate = read_gate(folder / "gate.json")
    assert {check.name for check in gate.failed} >= {"auroc_floor", "beats_svm"}
    assert "The gate is closed" in (folder / "report.html").read_text()
    with pytest.raises(GateClosed, match="auroc_floor: saw 0"):
        require(folder / "gate.json")


@pytest.mark.usefixtures("unpictured")
def test_a_shortcut_is_warned_of_and_not_beaten(tmp_path: Path, case: UseCase) -> None:
    folder = judged(workspace(tmp_path, strength=1.0, shortcut=True), case)
    content = json.loads((folder / "metrics.json").read_text())
    assert any(text.startswith("Shortcut: metadata alone reaches") for text in content["warnings"])
    assert "beats_metadata" in {check.name for check in read_gate(folder / "gate.json").failed}


@pytest.mark.usefixtures("unpictured")
def test_the_demos_margin_forgives_width_but_not_a_worse_model(tmp_path: Path, case: UseCase) -> None:
    paths = workspace(tmp_path, strength=1.0, shortcut=True)
    lenient = case.model_copy(update={"evaluate": case.evaluate.model_copy(update={"baseline_margin": -0.9})})
    gate = read_gate(judged(paths, lenient) / "gate.json")
    check = next(check for check in gate.checks if check.name == "beats_metadata")
    assert not check.holds and check.rule.endswith("point estimate above 0")


def test_a_test_split_of_one_class_closes_the_gate(tmp_path: Path, case: UseCase) -> None:
    index = make_index(300, 0)
    index.loc[index["split"] == "test", "label"] = False
    folder = judged(write_inputs(tmp_path, index, make_predictions(index, 2.0, 1)), case)
    failed = {check.name: check.seen for check in read_gate(folder / "gate.json").failed}
    assert failed["both_classes"].startswith("0 positives")
    assert set(failed) == {"both_classes", "auroc_floor", "calibration_error", "beats_metadata", "beats_svm"}
    assert "patients AUROC has too few cases, but 5 of 6 rules" in (folder / "report.html").read_text()


def test_a_model_that_says_the_same_of_everyone_closes_the_gate(tmp_path: Path, case: UseCase) -> None:
    index = make_index(300, 0)
    predictions = make_predictions(index, 2.0, 1).assign(score=0.4, decision=False)
    gate = read_gate(judged(write_inputs(tmp_path, index, predictions), case) / "gate.json")
    assert next(check.seen for check in gate.failed if check.name == "auroc_floor") == "0.500 (all scores are equal)"


@pytest.mark.usefixtures("unpictured")
def test_unlabelled_test_cases_are_left_out_and_counted(tmp_path: Path, case: UseCase) -> None:
    index = make_index(400, 0)
    predictions = make_predictions(index, 2.5, 1).astype({"label": object})
    some = predictions.index[predictions["split"] == "test"][:7]
    predictions.loc[some, "label"] = None
    scalars = json.loads((judged(write_inputs(tmp_path, index, predictions), case) / "metrics.json").read_text())
    assert scalars["scalars"]["unlabelled"] == 7
    assert scalars["scalars"]["n"] == (index["split"] == "test").sum() - 7


@pytest.mark.usefixtures("unpictured")
def test_a_patient_in_training_and_test_closes_the_gate(tmp_path: Path, case: UseCase) -> None:
    index = make_index(400, 0)
    leaked = index.index[index["split"] == "test"][0]
    index.loc[leaked, "patient_id"] = index.loc[index["split"] == "train", "patient_id"].iloc[0]
    folder = judged(write_inputs(tmp_path, index, make_predictions(index, 2.5, 1)), case)
    assert [check.name for check in read_gate(folder / "gate.json").failed] == ["patients_apart"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda table: pd.concat([table, table[:3]]), "3 records twice"),
        (lambda table: table.assign(record_id=["x", *table["record_id"][1:]]), "1 not among the prepared images"),
        (lambda table: table.assign(score=[np.nan, np.inf, *table["score"][2:]]), "2 scores not finite"),
    ],
)
def test_predictions_that_do_not_fit_the_images_are_refused(tmp_path: Path, case: UseCase, spoil, message) -> None:
    index = make_index(200, 0)
    paths = write_inputs(tmp_path, index, spoil(make_predictions(index, 2.5, 1)))
    with pytest.raises(ConfigurationError, match=message):
        evaluate.run(case, paths)
    assert not paths.stage(case.name, "evaluate").exists()


def test_the_reference_keeps_the_judged_cases_and_their_origin(tmp_path: Path, case: UseCase) -> None:
    paths = workspace(tmp_path)
    paths.data.mkdir()
    (paths.data / f"{case.name}.dvc").write_text("outs:\n- md5: 0123.dir\n  path: chest_pneumonia\n")
    reference.run(case, paths)
    folder = paths.stage(case.name, "reference")
    table = pd.read_parquet(folder / "reference.parquet")
    note = json.loads((folder / "reference.json").read_text())
    assert set(table["split"]) == {"test"} and table["label"].dtype == bool
    assert set(table.columns) == {*Prediction.__dataclass_fields__, "split", "label"}
    assert (note["rows"], note["bundle"], note["snapshot"]) == (len(table), "b" * 64, "0123.dir")
    assert note["prevalence"] == pytest.approx(table["label"].mean())


def test_a_reference_without_a_versioned_snapshot_says_so(tmp_path: Path) -> None:
    assert reference.snapshot_md5(tmp_path / "chest_pneumonia") is None


def test_a_sampled_reference_keeps_every_stratums_share() -> None:
    table = pd.DataFrame({"label": [True] * 300 + [False] * 700, "site": ["north", None] * 500})
    kept = reference.stratified(table, 100, seed=0)
    assert len(kept) == 100
    assert abs(kept["label"].sum() - 30) <= 1 and abs(kept["site"].isna().sum() - 50) <= 2
    assert kept.equals(reference.stratified(table, 100, seed=0))
    assert not kept.equals(reference.stratified(table, 100, seed=1))
