"""MLflow runs: one per training, begun when training begins, complete when everything about it is known."""

from __future__ import annotations

import platform
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radloop.files import sha256
from radloop.ledger import Ledger
from radloop.params import UseCase
from radloop.registry import names
from radloop.registry.connection import experiment
from radloop.registry.curves import Row, continues, send_rows, sent_steps
from radloop.registry.outputs import Outputs
from radloop.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

#: MLflow's own limit of parameters in one call.
PARAMS = 100


@dataclass(frozen=True)
class Links:
    """Where a training came from.

    `commit` is the workspace's, `outer_commit` the project's with a `+` where its working tree had uncommitted
    changes, `dataset_md5` DVC's; `flow_run` an id, `flow_url` its page, `data_docs` the folder or page of the data
    checks.
    """

    commit: str
    outer_commit: str
    dataset_md5: str
    flow_run: str = ""
    flow_url: str = ""
    data_docs: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """The links as tags of a run; what is unknown is absent."""
        tags = {
            names.DVC_COMMIT: self.commit,
            names.OUTER_COMMIT: self.outer_commit.rstrip("+"),
            names.OUTER_DIRTY: str(self.outer_commit.endswith("+")).lower(),
            names.SOURCE_COMMIT: self.commit,
            names.DATASET: self.dataset_md5,
            names.FLOW_RUN: self.flow_run,
            names.FLOW_URL: self.flow_url,
            names.DATA_DOCS: self.data_docs,
        }
        return {name: value for name, value in tags.items() if value}


@dataclass(frozen=True)
class TrainingRun:
    """The MLflow run of a training; not `new` where DVC had nothing to train and an earlier run is linked."""

    run_id: str
    new: bool

    def __str__(self) -> str:
        return f"run {self.run_id}" if self.new else f"nothing was trained: linked to the earlier run {self.run_id}"


def open_run(client: MlflowClient, settings: Settings, outputs: Outputs, links: Links, rows: list[Row]) -> str:
    """The unfinished run of this workspace that `rows` continue, or a new one.

    An unfinished run of another training is ended as killed: a workspace trains one thing at a time.
    """
    for run in _unfinished(client, settings, outputs):
        same = run.data.params == outputs.parameters and continues(rows, sent_steps(client, run.info.run_id))
        if same:
            return str(run.info.run_id)
        client.set_terminated(run.info.run_id, "KILLED")
    tags = {
        **links.tags,
        names.USE_CASE: outputs.case.name,
        names.WORKSPACE: _place(outputs),
        names.SOURCE_NAME: f"train {outputs.case.name}",
        names.USER: "radloop",
    }
    home = experiment(client, settings, outputs.case.name)
    run = client.create_run(home, tags=tags, run_name=f"{outputs.case.name} {links.commit[:8]}")
    _log_params(client, run.info.run_id, outputs.parameters)
    return str(run.info.run_id)


def log_training(client: MlflowClient, settings: Settings, case: UseCase, workspace: Path, links: Links) -> TrainingRun:
    """Make the run of the training that lies in `workspace` complete, or find the one that is.

    Idempotent: after a crash at any point the same call completes the same run. A training that was done again
    and gave the same bytes is linked too, and its own curves say whose repetition they are.
    """
    outputs = Outputs(workspace, case)
    earlier = find_run(client, settings, outputs)
    if earlier is not None:
        _link_later_flow(client, earlier, links)
        for repeated in _unfinished(client, settings, outputs):
            client.set_tag(repeated.info.run_id, names.SAME_AS, earlier.info.run_id)
            client.set_terminated(repeated.info.run_id, "FINISHED")
        return TrainingRun(str(earlier.info.run_id), new=False)
    rows = outputs.rows
    run_id = open_run(client, settings, outputs, links, rows)
    send_rows(client, run_id, rows, set(sent_steps(client, run_id)))
    _log_judgement(client, run_id, outputs)
    _log_dataset(client, run_id, outputs, links)
    with tempfile.TemporaryDirectory() as folder:
        outputs.collect(Path(folder))
        client.log_artifacts(run_id, folder)
    _set_tags(client, run_id, {**links.tags, **_facts(outputs), names.NOTE: _note(outputs, links)})
    client.update_run(run_id, name=f"{case.name} {outputs.bundle_hash[:8]}")
    client.set_terminated(run_id, "FINISHED")
    return TrainingRun(run_id, new=True)


def _place(outputs: Outputs) -> str:
    return sha256(f"{platform.node()}:{outputs.workspace.absolute()}".encode())[:16]


def _unfinished(client: MlflowClient, settings: Settings, outputs: Outputs) -> list[Run]:
    """Runs that this workspace began and did not end."""
    home = experiment(client, settings, outputs.case.name)
    wanted = f"attributes.status = 'RUNNING' and tags.`{names.WORKSPACE}` = '{_place(outputs)}'"
    return list(client.search_runs([home], wanted))


def find_run(client: MlflowClient, settings: Settings, outputs: Outputs) -> Run | None:
    """The finished run of exactly this bundle and these stages, if there is one."""
    home = experiment(client, settings, outputs.case.name)
    wanted = (
        f"attributes.status = 'FINISHED' and tags.`{names.BUNDLE}` = '{outputs.bundle_hash}'"
        f" and tags.`{names.LOCK}` = '{outputs.lock_hash}'"
    )
    found = client.search_runs([home], wanted, max_results=1, order_by=["attributes.start_time ASC"])
    return found[0] if found else None


def count_evaluation(ledger: Ledger, outputs: Outputs, run_id: str) -> None:
    """Write down that this run's model was judged on its test set; once per run."""
    if any(entry.body.get("run_id") == run_id for entry in ledger.entries("evaluation")):
        return
    body = {
        "use_case": outputs.case.name,
        "run_id": run_id,
        "bundle": outputs.bundle_hash,
        "test_set_sha256": outputs.metrics["test_set_sha256"],
        "gate_open": outputs.gate.open,
    }
    ledger.write("evaluation", body)


def _log_params(client: MlflowClient, run_id: str, parameters: dict[str, str]) -> None:
    from mlflow.entities import Param

    params = [Param(name, value) for name, value in parameters.items()]
    for start in range(0, len(params), PARAMS):
        client.log_batch(run_id, params=params[start : start + PARAMS])


def _set_tags(client: MlflowClient, run_id: str, tags: dict[str, str]) -> None:
    from mlflow.entities import RunTag

    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])


def _log_judgement(client: MlflowClient, run_id: str, outputs: Outputs) -> None:
    from mlflow.entities import Metric

    now = round(time.time() * 1000)
    known = client.get_run(run_id).data.metrics
    metrics = [
        Metric(names.TEST_METRICS[name], float(value), now, 0)
        for name, value in outputs.metrics["scalars"].items()
        if name in names.TEST_METRICS and names.TEST_METRICS[name] not in known
    ]
    client.log_batch(run_id, metrics=metrics)


def _log_dataset(client: MlflowClient, run_id: str, outputs: Outputs, links: Links) -> None:
    from radloop.registry.dataset import dataset_input

    client.log_inputs(run_id, [dataset_input(outputs, links.dataset_md5, links.commit)])


def _facts(outputs: Outputs) -> dict[str, str]:
    return {
        names.BUNDLE: outputs.bundle_hash,
        names.LOCK: outputs.lock_hash,
        names.TEST_SET: outputs.metrics["test_set_sha256"],
        names.SIMULATED: outputs.simulated,
        names.GATE: "open" if outputs.gate.open else "closed",
        names.GATE_FAILED: ", ".join(check.name for check in outputs.gate.failed) or "none",
    }


def _note(outputs: Outputs, links: Links) -> str:
    """The description on the run's page: what it is and where everything about it lies."""
    facts: dict[str, Any] = {
        "Question": outputs.case.task.title,
        "Gate": "open" if outputs.gate.open else f"closed: {', '.join(c.name for c in outputs.gate.failed)}",
        "Bundle": f"`{outputs.bundle_hash}`",
        "Data": f"DVC `{links.dataset_md5}` at workspace commit `{links.commit}`",
        "Code": f"project commit `{links.outer_commit}`"
        + (" (with uncommitted changes)" if "+" in links.outer_commit else ""),
        "Restore": f"`git checkout {links.commit} && dvc checkout --allow-missing` in the workspace",
        "Flow run": f"[{links.flow_run}]({links.flow_url})" if links.flow_url else links.flow_run,
        "Data checks": f"`{links.data_docs}`" if links.data_docs else "",
        "Report": "artifact `evaluate/report.html`",
    }
    lines = [f"- **{name}**: {value}" for name, value in facts.items() if value]
    warnings = [f"> {warning}" for warning in outputs.metrics.get("warnings", [])]
    return "\n".join([*lines, "", *warnings])


def _link_later_flow(client: MlflowClient, run: Run, links: Links) -> None:
    known = run.data.tags.get(names.LATER_FLOW_RUNS, "")
    if not links.flow_run or links.flow_run in (run.data.tags.get(names.FLOW_RUN), *known.split()):
        return
    kept = [*known.split(), links.flow_run][-50:]  # a tag holds 8,000 characters
    client.set_tag(run.info.run_id, names.LATER_FLOW_RUNS, " ".join(kept))
