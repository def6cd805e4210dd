"""The registry: training runs, model versions and their aliases in MLflow. Nothing else imports mlflow.

Figures, parameters and tags have fixed names (`registry.names`); one experiment and one registered model per use
case. Every alias move is in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from radloop.errors import ConfigurationError, ServiceUnavailable
from radloop.gate import Gate
from radloop.ledger import Entry, Ledger
from radloop.params import UseCase
from radloop.registry import aliases, names, promotion, runs, versions
from radloop.registry.connection import connect, experiment, reaching, use_store
from radloop.registry.follow import Follower
from radloop.registry.outputs import Outputs, last_judgement
from radloop.registry.promotion import Request, SameCases
from radloop.registry.runs import Links, TrainingRun
from radloop.registry.versions import ModelVersion
from radloop.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Links", "ModelVersion", "Registry", "SameCases", "TrainingRun"]


class Registry:
    """The door to MLflow of one installation; making one does nothing yet.

    Every method raises ServiceUnavailable where MLflow is away.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ledger = Ledger(settings.ledger)

    @cached_property
    def _client(self) -> MlflowClient:
        return connect(self.settings)

    @contextmanager
    def _reaching(self) -> Iterator[MlflowClient]:
        client = self._client
        with reaching(self.settings):
            yield client

    @contextmanager
    def _moving(self, use_case: str) -> Iterator[MlflowClient]:
        """Alias moves of one use case, one after the other, on top of what a crash left behind."""
        self.settings.root.mkdir(parents=True, exist_ok=True)
        try:
            held = FileLock(self.settings.root / f"aliases-{use_case}.lock").acquire(timeout=120)
        except Timeout as error:
            raise ServiceUnavailable(f"another process moves aliases of {use_case}", "try again") from error
        with held, self._reaching() as client:
            aliases.reconcile(client, self.ledger)
            yield client

    @contextmanager
    def following(self, case: UseCase, workspace: Path, links: Links) -> Iterator[Follower]:
        """Send the live curves and the machine's figures to MLflow while the block trains.

        MLflow away never stops or slows the training. Where nothing is trained no run is begun.
        """
        outputs = Outputs(workspace, case)

        def open_run(rows: list[dict[str, object]]) -> str:
            return runs.open_run(self._client, self.settings, outputs, links, rows)

        follower, stop = Follower(self.settings, outputs.live, open_run), Event()
        thread = Thread(target=follower.follow, args=(stop,), name=f"follow-{case.name}", daemon=True)
        thread.start()
        try:
            yield follower
        finally:
            stop.set()
            thread.join()

    def log_training(self, case: UseCase, workspace: Path, links: Links) -> TrainingRun:
        """Make the MLflow run of the training in `workspace` complete, and count the use of its test set.

        Where DVC had nothing to do, the run of the same bundle is linked and no second one made.
        """
        with self._reaching() as client:
            run = runs.log_training(client, self.settings, case, workspace, links)
            runs.count_evaluation(self.ledger, Outputs(workspace, case), run.run_id)
            return run

    def register(self, case: UseCase, workspace: Path, run_id: str, who: str = "train flow") -> ModelVersion:
        """Register the bundle of a run as a version and give it the alias `candidate`; idempotent.

        Raises ConfigurationError where the workspace holds another bundle than the run's.
        """
        outputs = Outputs(workspace, case)
        with self._moving(case.name) as client:
            use_store(self.settings)
            run = client.get_run(run_id)
            if run.data.tags.get(names.BUNDLE) != outputs.bundle_hash:
                raise ConfigurationError(f"run {run_id} has another bundle", "log the training first")
            version = versions.create_version(client, outputs, run)
            wanted = aliases.Move(case.name, names.CANDIDATE, version.version, "register", who, f"run {run_id}")
            aliases.move(client, self.ledger, wanted, {"bundle": version.bundle})
            return self.version(case.name, version.version)

    def promote(self, case: UseCase, version: int, who: str, why: str, cases: SameCases | None = None) -> Gate:
        """Make a version champion if its gate is open, it is not worse than today's champion, and it is approved.

        The gate is the registered one, and the workspace's as well while that holds this very bundle.
        Raises GateClosed saying what is missing.
        """
        with self._moving(case.name) as client:
            found = self.version(case.name, version)
            today = last_judgement(self.settings.workspace, case, found.bundle)
            return promotion.promote(client, self.ledger, case, Request(found, who, why, cases, today))

    def rollback(self, use_case: str, who: str, why: str) -> ModelVersion | None:
        """Bring back the champion before today's; with none before, there is no champion any more."""
        with self._moving(use_case) as client:
            return promotion.rollback(client, self.ledger, use_case, who, why)

    def approve(self, use_case: str, version: int, who: str, why: str) -> None:
        """Write down a person's approval of a version."""
        promotion.approve(self.ledger, self.version(use_case, version), who, why)

    def reconcile(self) -> list[Entry]:
        """Settle alias moves that a crash interrupted; call it when a service or a flow starts."""
        if not self.ledger.pending(aliases.MOVE):
            return []
        with self._reaching() as client:
            return aliases.reconcile(client, self.ledger)

    def champion(self, use_case: str) -> ModelVersion | None:
        """The version that serves, if there is one."""
        with self._reaching() as client:
            return versions.one_version(client, use_case, names.CHAMPION)

    def last_candidate(self, use_case: str) -> datetime | None:
        """When a training last ended in a candidate, as the ledger knows it; MLflow is not asked."""
        return aliases.last_candidate(self.ledger, use_case)

    def version(self, use_case: str, which: str | int) -> ModelVersion:
        """The version with this number or alias.

        Raises ConfigurationError where there is none.
        """
        with self._reaching() as client:
            found = versions.one_version(client, use_case, which)
        if found is None:
            raise ConfigurationError(f"{use_case} has no model version {which!r}", "train and register one first")
        return found

    def versions(self, use_case: str) -> list[ModelVersion]:
        """All versions, the oldest first."""
        with self._reaching() as client:
            return versions.all_versions(client, use_case)

    def bundle_path(self, use_case: str, which: str | int) -> Path:
        """Folder of a version's bundle on this machine: downloaded once, checked, named by its hash."""
        found = self.version(use_case, which)
        with self._reaching() as client:
            return versions.fetch_bundle(client, self.settings.tracking_uri, found, self.settings.root / "bundles")

    def link(self, run_id: str, name: str, url: str) -> None:
        """Let a run point to what came of it; `name` is one of `names.LINKS`.

        Raises ConfigurationError for another name.
        """
        if name not in names.LINKS:
            raise ConfigurationError(f"{name!r} is no link of a run; known: {', '.join(names.LINKS)}", "choose one")
        with self._reaching() as client:
            client.set_tag(run_id, name, url)

    def links(self, run_id: str) -> dict[str, str]:
        """Everything that a run points to, by the names of `names.LINKS`."""
        with self._reaching() as client:
            tags = client.get_run(run_id).data.tags
        return {name: tags[name] for name in names.LINKS if name in tags}

    def figures(self, run_id: str) -> dict[str, float]:
        """The last value of every metric of a run, by the names of `names`."""
        with self._reaching() as client:
            return dict(client.get_run(run_id).data.metrics)

    def page(self, run_id: str) -> str:
        """Address of a run's page for a browser, on the server of `make up` where MLflow is a local file."""
        uri = self.settings.mlflow_page or self.settings.mlflow_uri or ""
        server = uri if uri.startswith("http") else f"http://127.0.0.1:{self.settings.mlflow_port}"
        with self._reaching() as client:
            home = client.get_run(run_id).info.experiment_id
        # without this MLflow shows its pages for chat models around the run
        return f"{server.rstrip('/')}/#/experiments/{home}/runs/{run_id}?workflowType=machine_learning"

    def experiment(self, use_case: str) -> str:
        """Id of a use case's experiment."""
        with self._reaching() as client:
            return experiment(client, self.settings, use_case)
