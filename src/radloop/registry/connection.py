"""The connection to MLflow: quiet, quick to notice that it is away, and safe to use from any thread.

mlflow takes 2 s to import and is imported inside functions, so that a command which only names the registry
stays light.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from radloop.errors import ConfigurationError, ServiceUnavailable
from radloop.settings import Settings, quieten

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: One try of ten seconds: whoever needs MLflow tries again as a whole, and a training must not wait for it.
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": 0,
    "MLFLOW_HTTP_REQUEST_TIMEOUT": 10,
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": False,
}

#: A missing version is the first, a missing or impossible alias the second.
NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
THERE_ALREADY = "RESOURCE_ALREADY_EXISTS"


def connect(settings: Settings) -> MlflowClient:
    """A client of the tracking store; the first one makes the default store's database, which takes 2 s.

    Raises ServiceUnavailable where the store cannot be reached.
    """
    quieten()
    from mlflow import MlflowClient, environment_variables

    for name, value in PATIENCE.items():
        getattr(environment_variables, name).set(value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if settings.mlflow_uri is None:
        (settings.root / "mlflow" / "artifacts").mkdir(parents=True, exist_ok=True)
    use_store(settings)
    with reaching(settings):
        return MlflowClient(tracking_uri=settings.tracking_uri, registry_uri=settings.tracking_uri)


def use_store(settings: Settings) -> None:
    """Make this installation's store the process's own, for MLflow's registry asks that one and not its client's."""
    import mlflow

    mlflow.set_tracking_uri(settings.tracking_uri)


@contextmanager
def reaching(settings: Settings) -> Iterator[None]:
    """Turn the store's silence into ServiceUnavailable; what it answers, refusals included, passes through."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MlflowException as error:
        if error.get_http_status_code() < 500:
            raise
        raise _away(settings.tracking_uri, error) from error
    except (RequestException, SQLAlchemyError, ConnectionError) as error:
        raise _away(settings.tracking_uri, error) from error


def _away(uri: str, error: Exception) -> ServiceUnavailable:
    said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    message = f"MLflow at {uri} does not answer: {said}"
    plain = re.sub(r"//[^/@\s]*@", "//", message)  # a password in the address stays there
    return ServiceUnavailable(plain, "start it (`make up`) and try again")


def experiment(client: MlflowClient, settings: Settings, use_case: str) -> str:
    """The id of a use case's one experiment, made at first use.

    Raises ConfigurationError where it was deleted in MLflow.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(use_case)
    if found is None:
        place = None
        if settings.mlflow_uri is None:
            place = (settings.root / "mlflow" / "artifacts" / use_case).as_uri()
        try:
            return str(client.create_experiment(use_case, artifact_location=place))
        except MlflowException as error:
            if error.error_code != THERE_ALREADY:
                raise
            found = client.get_experiment_by_name(use_case)
    if found.lifecycle_stage == "deleted":
        raise ConfigurationError(f"the MLflow experiment {use_case!r} was deleted", "restore it in MLflow")
    return str(found.experiment_id)


def absent(error: Any) -> bool:
    """True when MLflow says that what was asked for does not exist."""
    return getattr(error, "error_code", "") in NOT_THERE
