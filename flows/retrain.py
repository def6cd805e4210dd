"""Learn from production: admit labelled studies, train again, and offer the candidate; once per event."""

from __future__ import annotations

import sys

from prefect import flow

from flows.deploy import deploy
from flows.ingest import version
from flows.steps import open_workspace, outside, show, workspace
from flows.train import train
from radloop.catalog import Admission
from radloop.ledger import Ledger
from radloop.predictions import PredictionLog, enough_new_labels
from radloop.registry import ModelVersion, Registry
from radloop.running import run_here
from radloop.serving.retraining import retraining
from radloop.settings import load_settings


@outside
def admit_news(use_case: str) -> Admission:
    """Admit what has been labelled since the last snapshot.

    Raises GateClosed, asking for labels, where too few are labelled that no model has learnt from.
    """
    from radloop.ingest import admit_labelled
    from radloop.serving.feedback import labelled_news, unlearnt

    place = workspace()
    case, folder, log = (
        place.classification(use_case),
        place.snapshot_folder(use_case),
        PredictionLog(place.settings.log),
    )
    learnt = Registry(place.settings).last_candidate(use_case)
    enough_new_labels(unlearnt(log, case, folder, learnt), use_case, case.retrain)
    return admit_labelled(folder, place.settings.retained, labelled_news(log, case, folder))


@flow(name="retrain", persist_result=False)
def retrain(use_case: str = "chest_pneumonia", event: str | None = None) -> ModelVersion:
    """One retrain in flight per use case, with a cooling-off time; one event starts it at most once.

    Raises GateClosed where labels are missing, where another one is in flight or just was, and where the new
    model is not good enough.
    """
    open_workspace()
    settings = load_settings()
    with retraining(Ledger(settings.ledger), workspace().classification(use_case), event, settings.root):
        admission = admit_news(use_case)
        snapshot = version(use_case)
        show("retrain", f"**{use_case}** learns from snapshot `{snapshot.md5}`: {admission}")
        candidate = train(use_case)
        return deploy(use_case, str(candidate.version), "retrain flow", f"retrained on {snapshot.md5}")


if __name__ == "__main__":
    run_here(retrain, sys.argv[1:])
