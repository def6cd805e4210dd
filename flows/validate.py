"""Judge the current snapshot: Great Expectations, pixel checks, and the split by patient."""

from __future__ import annotations

import sys

from prefect import flow

from flows.steps import keep_docs, links, open_workspace, reproduce, require, show, workspace
from radloop.data_docs import sign_data_docs
from radloop.running import run_here


@flow(name="validate", persist_result=False)
def validate(use_case: str = "chest_pneumonia") -> None:
    """Accept and quarantine rows, deal patients to splits, and keep both gates."""
    commit = open_workspace()
    reproduce(use_case, "validate")
    docs = keep_docs(workspace(), use_case)
    sign_data_docs(docs, "validated", commit, {"Prefect run": links().get("flow_url", "")})
    show("data-docs", f"[Data Docs of {use_case}]({docs.as_uri()}) · workspace commit `{commit}`")
    require(use_case, "validate")
    reproduce(use_case, "split")
    require(use_case, "split")


if __name__ == "__main__":
    run_here(validate, sys.argv[1:])
