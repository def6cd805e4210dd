"""Judge the current bundle on held-out patients again, with today's knobs of the evaluation."""

from __future__ import annotations

import sys

from prefect import flow

from flows.steps import open_workspace, reproduce, require, show, workspace
from flows.train import commit_run, origin, write_down
from radloop.running import run_here


@flow(name="evaluate", persist_result=False)
def evaluate(use_case: str = "chest_pneumonia") -> None:
    """Predict, evaluate and keep the gate; each new judgement is a run in MLflow and one use of the test set."""
    open_workspace()
    place = workspace()
    for verb in ("package", "predict", "evaluate"):
        reproduce(use_case, verb)
    run = write_down(use_case, origin(place, use_case, commit_run(use_case)))
    report = place.stage(use_case, "evaluate") / "report.html"
    show("evaluation", f"{run}\n\n[report]({report.as_uri()})")
    require(use_case, "evaluate")


if __name__ == "__main__":
    run_here(evaluate, sys.argv[1:])
