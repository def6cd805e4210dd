"""A training is one run with everything about it; a training that did not happen is none."""

from __future__ import annotations

import shutil

import pytest
from mlflow import MlflowClient

from radloop.errors import ConfigurationError, ServiceUnavailable
from radloop.ledger import count_test_uses
from radloop.registry import Links, Registry, names
from radloop.settings import Settings

from .conftest import LINKS, Workspace, lines, row


@pytest.fixture
def client(registry: Registry) -> MlflowClient:
    return registry._client


def _runs(client: MlflowClient) -> list:
    home = client.get_experiment_by_name("chest_pneumonia")
    return client.search_runs([home.experiment_id]) if home else []


def test_a_run_holds_parameters_curves_figures_and_pages(registry: Registry, workspace: Workspace, client) -> None:
    workspace.train()
    logged = registry.log_training(workspace.case, workspace.folder, LINKS)
    run = client.get_run(logged.run_id)
    assert logged.new and run.info.status == "FINISHED"
    assert run.data.params["train.learning_rate"] == str(workspace.case.train.learning_rate)
    assert run.data.params["validate.age"] == "[0.0,120.0]"
    assert not any(name.startswith(("deploy", "monitor", "register")) for name in run.data.params)
    assert registry.figures(logged.run_id) == run.data.metrics
    assert run.data.metrics["test/auroc"] == 0.91 and run.data.metrics["test/auroc_low"] == 0.88
    history = client.get_metric_history(logged.run_id, "validation/auroc")
    assert [(point.step, point.value) for point in history] == [(10, 0.51), (20, 0.52), (30, 0.53)]
    pages = {file.path for file in client.list_artifacts(logged.run_id, "evaluate")}
    assert {"evaluate/report.html", "evaluate/figures", "evaluate/metrics.json"} <= pages
    assert [file.path for file in client.list_artifacts(logged.run_id, "gates/evaluate")] == [
        "gates/evaluate/gate.json"
    ]


def test_every_name_of_a_run_is_a_fixed_one(registry: Registry, workspace: Workspace, client) -> None:
    workspace.train()
    run = client.get_run(registry.log_training(workspace.case, workspace.folder, LINKS).run_id)
    curves = set(names.CURVES.values()) | set(names.TEST_METRICS.values())
    assert set(run.data.metrics) <= curves
    fixed = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    fixed |= {"mlflow.runName"}  # MLflow's own, which it sets
    assert set(run.data.tags) <= fixed


def test_a_run_names_its_data_by_the_md5_of_dvc(registry: Registry, workspace: Workspace, client) -> None:
    from mlflow.data import get_source

    workspace.train()
    run = client.get_run(registry.log_training(workspace.case, workspace.folder, LINKS).run_id)
    (given,) = run.inputs.dataset_inputs
    assert (given.dataset.digest, given.dataset.source_type) == (LINKS.dataset_md5, "dvc")
    assert [tag.value for tag in given.tags] == ["training"]
    source = get_source(given)
    assert source.uri == f"dvc://data/chest_pneumonia@{LINKS.commit}"
    with pytest.raises(ConfigurationError, match=f"git checkout {LINKS.commit} && dvc checkout"):
        source.load()


def test_a_run_links_to_where_it_came_from_and_back(registry: Registry, workspace: Workspace) -> None:
    workspace.train()
    run_id = registry.log_training(workspace.case, workspace.folder, LINKS).run_id
    registry.link(run_id, names.MONITOR_REPORT, "file:///reports/summary.html")
    assert registry.links(run_id) == {
        names.DVC_COMMIT: LINKS.commit,
        names.OUTER_COMMIT: "0123456789ab",
        names.FLOW_RUN: LINKS.flow_run,
        names.FLOW_URL: LINKS.flow_url,
        names.DATA_DOCS: LINKS.data_docs,
        names.MONITOR_REPORT: "file:///reports/summary.html",
    }
    assert registry.page(run_id).startswith("http://127.0.0.1:5000/#/experiments/")
    assert registry.page(run_id).endswith(f"/runs/{run_id}?workflowType=machine_learning")
    public = registry.settings.model_copy(update={"mlflow_page": "https://mlflow.example/"})
    assert Registry(public).page(run_id).startswith("https://mlflow.example/#/experiments/")
    with pytest.raises(ConfigurationError, match="is no link of a run"):
        registry.link(run_id, "radloop.bundle", "x")


@pytest.mark.parametrize(("outer", "dirty"), [("0123456789ab+", "true"), ("0123456789ab", "false")])
def test_uncommitted_changes_of_the_project_are_told(
    registry: Registry, workspace: Workspace, client, outer: str, dirty: str
) -> None:
    workspace.train()
    links = Links("c" * 40, outer, "d" * 32)
    tags = client.get_run(registry.log_training(workspace.case, workspace.folder, links).run_id).data.tags
    assert tags[names.OUTER_COMMIT] == "0123456789ab" and tags[names.OUTER_DIRTY] == dirty


def test_a_skipped_training_links_to_the_earlier_run_and_makes_none(
    registry: Registry, workspace: Workspace, client
) -> None:
    workspace.train()
    first = registry.log_training(workspace.case, workspace.folder, LINKS)
    later = Links(LINKS.commit, LINKS.outer_commit, LINKS.dataset_md5, flow_run="another-flow-run")
    for _ in range(2):
        again = registry.log_training(workspace.case, workspace.folder, later)
        assert (again.run_id, again.new) == (first.run_id, False)
        assert "nothing was trained" in str(again)
    assert len(_runs(client)) == 1
    assert registry.links(first.run_id)[names.LATER_FLOW_RUNS] == "another-flow-run"
    assert registry.links(first.run_id)[names.FLOW_RUN] == LINKS.flow_run


def test_another_use_cases_training_does_not_make_this_one_new(registry: Registry, workspace: Workspace) -> None:
    workspace.train()
    first = registry.log_training(workspace.case, workspace.folder, LINKS)
    lock = workspace.folder / "dvc.lock"
    lock.write_text(lock.read_text().replace("another_case: {cmd: z}", "another_case: {cmd: q}"))
    assert not registry.log_training(workspace.case, workspace.folder, LINKS).new
    lock.write_text(lock.read_text().replace("package@chest_pneumonia: {cmd: x", "package@chest_pneumonia: {cmd: q"))
    assert registry.log_training(workspace.case, workspace.folder, LINKS).run_id != first.run_id


def test_each_evaluated_run_is_one_use_of_the_test_set(registry: Registry, workspace: Workspace) -> None:
    for seed in (0, 1, 1):
        workspace.train(seed)
        registry.log_training(workspace.case, workspace.folder, LINKS)
    assert count_test_uses(registry.ledger, "t" * 64) == 2
    assert len(registry.ledger.entries("evaluation")) == 2


def test_a_crash_while_logging_is_completed_by_the_next_try(
    registry: Registry, workspace: Workspace, client, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.train()
    monkeypatch.setattr(MlflowClient, "log_artifacts", lambda *_: (_ for _ in ()).throw(ConnectionError("gone")))
    with pytest.raises(ServiceUnavailable, match="does not answer: gone"):
        registry.log_training(workspace.case, workspace.folder, LINKS)
    monkeypatch.undo()
    logged = registry.log_training(workspace.case, workspace.folder, LINKS)
    assert [run.info.run_id for run in _runs(client)] == [logged.run_id]
    assert len(client.get_metric_history(logged.run_id, "train/loss")) == 3
    assert len(client.get_metric_history(logged.run_id, "test/auroc")) == 1


def test_an_unfinished_run_of_another_training_is_ended_as_killed(
    registry: Registry, workspace: Workspace, client
) -> None:
    workspace.train()
    logged = registry.log_training(workspace.case, workspace.folder, LINKS)
    client.update_run(logged.run_id, "RUNNING")
    workspace.train(1)
    other = registry.log_training(workspace.case, workspace.folder, LINKS)
    assert other.run_id != logged.run_id
    assert client.get_run(logged.run_id).info.status == "KILLED"


def test_no_name_of_a_patient_or_row_reaches_mlflow(registry: Registry, workspace: Workspace, client) -> None:
    workspace.train()
    (workspace.out / "predict").mkdir()
    (workspace.out / "predict" / "predictions.parquet").write_bytes(b"rows")
    (workspace.out / "validate").mkdir()
    (workspace.out / "validate" / "accepted.parquet").write_bytes(b"rows")
    run_id = registry.log_training(workspace.case, workspace.folder, LINKS).run_id
    folders = [file.path for file in client.list_artifacts(run_id)]
    kept = [file.path for folder in folders for file in client.list_artifacts(run_id, folder)]
    assert not any(path.endswith(".parquet") for path in kept)


def test_what_has_not_run_is_named_with_the_next_step(registry: Registry, workspace: Workspace) -> None:
    with pytest.raises(ConfigurationError, match=r"no package/bundle\.sha256"):
        registry.log_training(workspace.case, workspace.folder, LINKS)
    workspace.train()
    shutil.rmtree(workspace.out / "evaluate")
    with pytest.raises(ConfigurationError, match=r"no evaluate/metrics\.json.*radloop run train"):
        registry.log_training(workspace.case, workspace.folder, LINKS)


def test_a_server_that_is_away_is_said_quickly_and_without_the_password(
    settings: Settings, workspace: Workspace
) -> None:
    workspace.train()
    away = Registry(settings.model_copy(update={"mlflow_uri": "http://user:secret@127.0.0.1:9"}))
    with pytest.raises(ServiceUnavailable, match=r"MLflow at http://127\.0\.0\.1:9 does not answer") as caught:
        away.log_training(workspace.case, workspace.folder, LINKS)
    assert "secret" not in str(caught.value)


def test_the_rows_of_a_growing_file_are_read_whole_and_once(workspace: Workspace) -> None:
    from radloop.registry.curves import read_rows

    path = workspace.folder / "metrics.jsonl"
    assert read_rows(path) == []
    path.write_text(lines(1, 2, 2) + '{"step": 30, "ep')
    assert read_rows(path) == [row(1), row(2)]
