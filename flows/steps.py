"""What the flows share: reproduce a stage, touch the world with retries, keep a gate, tell an event.

Inside DVC it is files to files with no retry; outside it is the world, which may be away and come back.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import get_run_logger, settings, task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State, TaskRun
from prefect.events import emit_event
from prefect.runtime import flow_run
from prefect.tasks import Task
from prefect.utilities.urls import url_for

from radloop import gate
from radloop.data_docs import keep_data_docs
from radloop.errors import ServiceUnavailable
from radloop.services import prefect_url
from radloop.settings import load_settings
from radloop.workspace import Workspace

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def _away(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Retry only what may work later; a closed gate stays closed and a bug stays a bug."""
    return isinstance(state.result(raise_on_failure=False), ServiceUnavailable)


def outside(function: Callable[Arguments, Result]) -> Task[Arguments, Result]:
    """A task that touches the world: tried again where the world is away, and for nothing else."""
    named = task(
        name=function.__name__,
        task_run_name=function.__name__,
        retries=3,
        retry_delay_seconds=[1, 5, 20],
        retry_condition_fn=_away,
        persist_result=False,
    )
    return named(function)


def workspace() -> Workspace:
    """The clone of this installation."""
    return Workspace(load_settings())


@outside
def open_workspace() -> str:
    """Bring the clone to the state of the project; return its commit."""
    return workspace().synchronise()


@task(task_run_name="{verb}", persist_result=False)
def reproduce(use_case: str, verb: str) -> bool:
    """Reproduce one stage; True when it had to be executed. Raises the stage's own failure."""
    return workspace().reproduce(use_case, verb)


def require(use_case: str, verb: str) -> None:
    """Go on only behind an open gate. Raises GateClosed."""
    gate.require(workspace().gate(use_case, verb))


def tell(event: str, use_case: str, payload: dict[str, Any]) -> None:
    """Tell Prefect's automations what happened; `payload` holds no patient."""
    resource = {"prefect.resource.id": f"radloop.use-case.{use_case}", "prefect.resource.name": use_case}
    emit_event(event=event, resource=resource, payload={"use_case": use_case, **payload})


def show(key: str, markdown: str) -> None:
    """Leave an artifact on the flow run's page, and in the log, which is all that a run without a server shows."""
    create_markdown_artifact(markdown, key=key)
    get_run_logger().info("%s: %s", key, markdown)


def keep_docs(place: Workspace, use_case: str) -> Path:
    """Keep the Data Docs of the current snapshot below the reports; the index page that stays."""
    made = place.stage(use_case, "validate") / "data_docs"
    return keep_data_docs(made, place.settings.reports / use_case, place.md5(use_case))


def links() -> dict[str, str]:
    """Id and page of the flow run that is going on, empty where there is none."""
    run_id = flow_run.get_id()
    if not run_id:
        return {}
    here = prefect_url(load_settings()).removesuffix("/api")  # where `radloop up` will show a run made without a server
    page = url_for("flow-run", obj_id=run_id) if settings.PREFECT_API_URL.value() else None
    return {"flow_run": str(run_id), "flow_url": page or f"{here}/runs/flow-run/{run_id}"}
