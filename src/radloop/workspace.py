"""The workspace: a clone of the project in which DVC runs, so that the user's checkout stays clean.

It is made from the working tree with its uncommitted files, and the code that its stages run is its own.
One commit per snapshot and per training run, by the author `radloop`, makes every state restorable by
`git checkout <commit> && dvc checkout --allow-missing`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from radloop.errors import ConfigurationError, RadloopError, ServiceUnavailable, revive
from radloop.files import read_json, replacing, write_json, write_text
from radloop.gate import read_gate
from radloop.params import Classification, Params, Paths, UseCase, override
from radloop.settings import Settings, quiet_environment

AUTHOR = ("-c", "user.name=radloop", "-c", "user.email=radloop@localhost", "-c", "commit.gpgsign=false")


@dataclass(frozen=True)
class Snapshot:
    """A DVC-versioned data set: its md5 is the data's name everywhere."""

    use_case: str
    md5: str
    commit: str
    files: int


class Workspace:
    """One clone with its lock; every DVC call of this installation goes through it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.workspace
        self.lock = FileLock(settings.root / "workspace.lock")

    @property
    def params(self) -> Params:
        """The parameters that the stages see. Raises ConfigurationError before the first flow has made the clone."""
        if not self.folder.is_dir():
            raise ConfigurationError(
                f"the installation {self.settings.name!r} has no workspace yet", "radloop run ingest makes one"
            )
        return Params.load(self.folder)

    @property
    def absolute_paths(self) -> Paths:
        """The paths of params.yaml, usable from any folder."""
        paths = self.params.paths
        return Paths(data=self.folder / paths.data, out=self.folder / paths.out)

    def judged_well(self, use_case: str) -> bool:
        """True where the evaluation's gate is open."""
        return read_gate(self.gate(use_case, "evaluate")).open

    def project_case(self, use_case: str) -> UseCase:
        """One use case of the project, before there is a clone of it."""
        return Params.load(self.settings.project).use_case(use_case)

    def case(self, use_case: str) -> UseCase:
        """One use case of the workspace's own parameters."""
        return self.params.use_case(use_case)

    def classification(self, use_case: str) -> Classification:
        """One use case of the workspace, where what is asked for is offered for classifications alone."""
        return self.params.classification(use_case)

    def stage(self, use_case: str, verb: str) -> Path:
        """Absolute folder of the outputs of the stage that does this work."""
        params = self.params
        return self.folder / params.paths.stage(use_case, params.use_case(use_case).verb(verb))

    def gate(self, use_case: str, verb: str) -> Path:
        """Absolute path of the gate of the stage that does this work."""
        return self.stage(use_case, verb) / "gate.json"

    def snapshot_folder(self, use_case: str) -> Path:
        """Absolute folder of the data that `ingest` admits to."""
        return self.folder / self.params.paths.snapshot(use_case)

    @contextmanager
    def locked(self, seconds: float = 3600) -> Iterator[None]:
        """Hold the workspace, for two DVC runs in one clone fail.

        Raises ServiceUnavailable if another process keeps it for longer than `seconds`.
        """
        _make(self.settings.root)
        try:
            with self.lock.acquire(timeout=seconds):
                yield
        except Timeout as error:
            raise ServiceUnavailable(
                f"the workspace {self.settings.name!r} is in use", "wait for the other run, or use another RADLOOP_NAME"
            ) from error

    def git(self, *arguments: str) -> str:
        """Run git in the clone and return what it says."""
        return _run(["git", *AUTHOR, *arguments], self.folder)

    def dvc(self, *arguments: str, folder: Path | None = None) -> str:
        """Run DVC in the clone or another `folder`, with the clone's code on the path, and return what it says."""
        return _run([sys.executable, "-m", "dvc", *arguments], folder or self.folder, self._environment())

    def _environment(self) -> dict[str, str]:
        path = quiet_environment()["PATH"]
        return quiet_environment(
            PATH=f"{Path(sys.executable).parent}:{path}",
            PYTHONPATH=f"{self.folder / 'src'}:{self.folder}",
            RADLOOP_PROJECT=str(self.folder),
            RADLOOP_HOME=str(self.settings.root),
        )

    def synchronise(self) -> str:
        """Bring the clone's files to the state of the project's working tree; return the clone's commit."""
        outer = outer_commit(self.settings.project)
        with self.locked():
            if not (self.folder / ".git").is_dir():
                self._clone()
            self._copy_working_tree()
            self._configure()
            changes = self.settings.root / "overrides.json"
            if changes.exists():
                override(self.folder / "params.yaml", read_json(changes))
            return self._commit(f"Take the project's state {outer}")

    def override(self, changes: dict[str, Any]) -> None:
        """Change knobs for this installation only; they are in the commit of every later run."""
        path = self.settings.root / "overrides.json"
        known = read_json(path) if path.exists() else {}
        if known | changes != known:
            write_json(path, known | changes)

    def _clone(self) -> None:
        """Whole or absent: a clone that was killed half-way never takes the workspace's place."""
        with replacing(self.folder) as fresh:
            _run(["git", "clone", "--quiet", "--no-hardlinks", str(self.settings.project), str(fresh)], fresh.parent)

    @property
    def cache(self) -> Path:
        """Where DVC keeps the bytes of every version."""
        return self.settings.root / "cache"

    def machine(self, before: str, **core: str) -> str:
        """A `config.local` that tells DVC this machine's cache and remote; whatever else a person has set stays."""
        config = ConfigParser(interpolation=None)
        config.read_string(before)
        store = "'remote \"store\"'"
        config.read_dict({
            "core": {"remote": "store", **core},
            store: {"url": self.settings.remote},
            "cache": {"dir": str(self.cache)},
        })  # fmt: skip
        text = StringIO()
        config.write(text)
        return text.getvalue()

    def _configure(self) -> None:
        path = self.folder / ".dvc" / "config.local"
        before = path.read_text() if path.exists() else ""
        if (after := self.machine(before)) != before:
            write_text(path, after)

    def _copy_working_tree(self) -> None:
        wanted = {name for name in _tracked(self.settings.project, "-co") if not self._is_ours(name)}
        wanted = {name for name in wanted if (self.settings.project / name).is_file()}
        for name in wanted:
            _copy_if_changed(self.settings.project / name, self.folder / name)
        for name in _tracked(self.folder, "-c"):
            if name not in wanted and not self._is_ours(name):
                (self.folder / name).unlink(missing_ok=True)

    def _is_ours(self, name: str) -> bool:
        """What the clone has made itself: its data, its lock. The project's are its own."""
        return name == "dvc.lock" or Path(name).is_relative_to(self._data)

    @cached_property
    def _data(self) -> Path:
        return Params.load(self.settings.project).paths.data

    def _commit(self, message: str) -> str:
        self.git("add", "--all")
        if self.git("status", "--porcelain"):
            self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD").strip()

    def snapshot(self, use_case: str) -> Snapshot:
        """Version the data folder of a use case, commit its name, and push its bytes to the remote."""
        with self.locked():
            folder = self.params.paths.snapshot(use_case)
            self.add(use_case)
            commit = self._commit(f"Snapshot {use_case}: {self.md5(use_case)}")
            self.dvc("push", "--quiet", f"{folder}.dvc")
            return Snapshot(use_case, self.md5(use_case), commit, _outs(self.folder / f"{folder}.dvc")["nfiles"])

    def add(self, use_case: str) -> None:
        """Version the data folder of a use case in DVC's cache, where its shards are linked and not copied.

        Every file of a snapshot is written once and then only read or removed, so that a link is as safe as a copy.
        """
        with self.locked(), self._linking():
            self.dvc("add", "--quiet", str(self.params.paths.snapshot(use_case)))

    @contextmanager
    def _linking(self) -> Iterator[None]:
        path, config = self.folder / ".dvc" / "config.local", ConfigParser(interpolation=None)
        before, text = path.read_text(), StringIO()
        config.read_string(before)
        config.read_dict({"cache": {"type": "hardlink,reflink,copy"}})
        config.write(text)
        write_text(path, text.getvalue())
        try:
            yield
        finally:
            write_text(path, before)

    def md5(self, use_case: str) -> str:
        """The DVC md5 of the current snapshot.

        Raises ConfigurationError where nothing has been ingested.
        """
        pointer = self.folder / f"{self.params.paths.snapshot(use_case)}.dvc"
        if not pointer.exists():
            raise ConfigurationError(f"{use_case} has no data yet", f"radloop run ingest {use_case}")
        return str(_outs(pointer)["md5"])

    def reproduce(self, use_case: str, verb: str, single: bool = True) -> bool:
        """Reproduce one stage (with `single=False` all that it needs); True when anything was executed.

        Raises the failure that the stage noted, or RadloopError with DVC's last lines.
        """
        params = self.params
        verb = params.use_case(use_case).verb(verb)
        outcome = self.folder / params.paths.outcome(use_case, verb)
        outcome.parent.mkdir(parents=True, exist_ok=True)
        flags = ["--single-item"] if single else []
        with self.locked():
            for note in outcome.parent.glob("*.json"):
                note.unlink()
            try:
                said = self.dvc("repro", *flags, f"{verb}@{use_case}")
            except subprocess.CalledProcessError as error:
                raise _failure(outcome.parent, verb, error) from error
        return "Running stage" in said

    def commit_run(self, message: str) -> str:
        """Commit dvc.lock after a run and push what it points to."""
        with self.locked():
            commit = self._commit(message)
            self.dvc("push", "--quiet")
            return commit


def outer_commit(project: Path) -> str:
    """The project's commit, with a `+` where its working tree has uncommitted changes.

    Raises ConfigurationError where the project is no git checkout with a commit.
    """
    try:
        commit = _run(["git", "rev-parse", "--short=12", "HEAD"], project).strip()
        return commit + ("+" if _run(["git", "status", "--porcelain"], project).strip() else "")
    except subprocess.CalledProcessError as error:
        raise ConfigurationError(
            f"{project.name} is no git checkout with a commit", "clone radloop with git"
        ) from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot make {folder}: {error.strerror}", "set RADLOOP_HOME") from error


def _tracked(folder: Path, which: str) -> list[str]:
    said = _run(["git", "ls-files", which, "--exclude-standard", "-z"], folder)
    return [name for name in said.split("\0") if name]


def _copy_if_changed(source: Path, target: Path) -> None:
    seen = source.stat()
    if target.exists() and (target.stat().st_size, target.stat().st_mtime_ns) == (seen.st_size, seen.st_mtime_ns):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def _outs(pointer: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(pointer.read_text())["outs"][0])


def _failure(notes: Path, verb: str, error: subprocess.CalledProcessError) -> RadloopError:
    for path in sorted(notes.glob("*.json")):
        note = json.loads(path.read_text())
        return revive(note["family"], f"{note['verb']}: {note['message']}", note["next_step"], note["reason"])
    tail = "\n".join(str(error.stdout).strip().splitlines()[-15:])
    return RadloopError(f"stage {verb} crashed:\n{tail}", "this is a bug: read the lines above")


def _run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """Run a command; its standard error goes to ours so that progress is seen while it works."""
    done = subprocess.run(
        command, cwd=folder, env=environment or quiet_environment(), stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout
