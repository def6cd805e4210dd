"""From the current snapshot to a registered candidate, with everything about it in MLflow."""

from __future__ import annotations

import sys
from dataclasses import replace

from prefect import flow

from flows.steps import keep_docs, links, open_workspace, outside, reproduce, require, show, workspace
from radloop.data_docs import sign_data_docs
from radloop.ledger import count_test_uses
from radloop.references import keep_reference
from radloop.registry import Links, ModelVersion, Registry, TrainingRun
from radloop.registry.names import DATA_DOCS, DVC_COMMIT
from radloop.running import run_here
from radloop.settings import load_settings
from radloop.workspace import Workspace, outer_commit


@outside
def commit_run(use_case: str) -> str:
    """Commit dvc.lock, naming the flow run, and push what the run made."""
    return workspace().commit_run("\n\n".join([f"Run {use_case}", *links().values()]))


@outside
def remember(use_case: str) -> None:
    """Keep what monitoring compares with, under the bundle's hash."""
    place = workspace()
    keep_reference(place.stage(use_case, "reference"), place.settings.references)


@outside
def write_down(use_case: str, came_from: Links) -> TrainingRun:
    """Complete the MLflow run, or link to the earlier one where nothing was trained; its Data Docs name it in turn."""
    place = workspace()
    registry = Registry(place.settings)
    docs = keep_docs(place, use_case)
    run = registry.log_training(place.case(use_case), place.folder, replace(came_from, data_docs=docs.as_uri()))
    pages = {"MLflow run": registry.page(run.run_id), "Prefect run": came_from.flow_url}
    sign_data_docs(docs, "trained or judged on", came_from.commit, pages)
    return run


@outside
def register(use_case: str, run_id: str) -> ModelVersion:
    """Register the bundle and call it candidate."""
    place = workspace()
    return Registry(place.settings).register(place.case(use_case), place.folder, run_id)


def origin(place: Workspace, use_case: str, commit: str) -> Links:
    """Where this training comes from, for the links of its MLflow run."""
    return Links(commit, outer_commit(place.settings.project), place.md5(use_case), **links())


def announcement(version: ModelVersion, run: TrainingRun) -> str:
    """What came of it, for the flow run's page; how often its test set has been used is told each time."""
    registry = Registry(load_settings())
    uses = count_test_uses(registry.ledger, version.test_set_sha256)
    used = f"test set `{version.test_set_sha256[:12]}` used for {uses} model{'s' if uses != 1 else ''} so far"
    known = registry.links(run.run_id)
    pages = {"MLflow": registry.page(run.run_id), "Data Docs": known.get(DATA_DOCS, "")}
    found = " · ".join(f"[{title}]({page})" for title, page in pages.items() if page)
    restored = f"workspace commit `{known.get(DVC_COMMIT, '')}`"
    return f"**{version.name}** `{version.bundle[:12]}`: {run}; {used}\n\n{found} · {restored}"


@flow(name="train", persist_result=False)
def train(use_case: str = "chest_pneumonia") -> ModelVersion:
    """Every stage of the use case's chain, from validate to its evaluation and reference; then register.

    Raises GateClosed, after the run is in MLflow, where the evaluation does not pass.
    """
    commit = open_workspace()
    place = workspace()
    case, chain = place.case(use_case), place.params.verbs(use_case)
    with Registry(place.settings).following(case, place.folder, origin(place, use_case, commit)):
        for verb in (verb for verb in chain if verb != "reference"):
            reproduce(use_case, verb)
    if "reference" in chain and place.judged_well(use_case):
        reproduce(use_case, "reference")
        remember(use_case)
    run = write_down(use_case, origin(place, use_case, commit_run(use_case)))
    version = register(use_case, run.run_id)
    show("training", announcement(version, run))
    require(use_case, "evaluate")
    return version


if __name__ == "__main__":
    run_here(train, sys.argv[1:])
