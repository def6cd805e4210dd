"""Which snapshots a workspace has had, read from its git history."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

from radloop.errors import ConfigurationError
from radloop.workspace import Workspace

#: What a person may type: the beginning of an md5 or of a commit.
_NAME = re.compile(r"[0-9a-f]{4,40}(\.dir)?")
_NEXT = "type 4 or more digits of an md5 or a commit; radloop data show lists them"


@dataclass(frozen=True)
class Version:
    """One snapshot: its name, the first commit of the workspace that holds it, and since when."""

    use_case: str
    md5: str
    commit: str
    when: datetime

    @property
    def short(self) -> str:
        """Enough of the md5 for a person."""
        return self.md5[:8]


def versions(place: Workspace, use_case: str) -> list[Version]:
    """Every snapshot of a use case, oldest first; one that came back later is listed once more.

    Raises ConfigurationError where nothing has been ingested.
    """
    place.md5(use_case)
    pointer = f"{place.params.paths.snapshot(use_case)}.dvc"
    found: list[Version] = []
    for line in place.git("log", "--reverse", "--format=%H %cI", "--", pointer).splitlines():
        commit, when = line.split()
        md5 = _md5_at(place, use_case, commit)
        if md5 and (not found or found[-1].md5 != md5):
            found.append(Version(use_case, md5, commit, datetime.fromisoformat(when)))
    return found


def version(place: Workspace, use_case: str, name: str | None = None) -> Version:
    """The snapshot that `name` names, by the beginning of its md5 or of any commit that holds it; the last by default.

    Raises ConfigurationError where none or several fit.
    """
    known = versions(place, use_case)
    if not known:
        raise ConfigurationError(f"{use_case} has no snapshot in git yet", f"radloop run ingest {use_case}")
    if name is None:
        return known[-1]
    if not _NAME.fullmatch(name):  # and is not repeated, for it may be anything, a patient's id too
        raise ConfigurationError("that is no name of a snapshot", _NEXT)
    fitting = {one.md5: one for one in known if one.md5.startswith(name)}
    if not fitting:
        md5 = _md5_at(place, use_case, name)
        fitting = {one.md5: one for one in known if one.md5 == md5}
    if len(fitting) != 1:
        raise ConfigurationError(f"{len(fitting)} snapshots of {use_case} are called {name!r}", _NEXT)
    return next(iter(fitting.values()))


def last_two(place: Workspace, use_case: str, before: str | None, after: str | None) -> tuple[Version, Version]:
    """The two snapshots to compare: those that are named, and where one is not, the last and the one before it.

    Raises ConfigurationError where there is only one.
    """
    known = versions(place, use_case)
    if before is None and len(known) < 2:
        raise ConfigurationError(
            f"{use_case} has {len(known)} snapshot, a difference needs two", f"radloop run ingest {use_case}"
        )
    return version(place, use_case, before or known[-2].commit), version(place, use_case, after)


def pointer_at(place: Workspace, use_case: str, commit: str) -> str | None:
    """The text of the snapshot's `.dvc` file at a commit; None where there is no such commit or no such file."""
    path = place.params.paths.snapshot(use_case)
    try:
        found = place.git("rev-parse", "--verify", "--quiet", f"{commit}:{path}.dvc")
    except subprocess.CalledProcessError:
        return None
    return place.git("cat-file", "blob", found.strip())


def _md5_at(place: Workspace, use_case: str, commit: str) -> str | None:
    text = pointer_at(place, use_case, commit)
    outs: list[dict[str, Any]] = yaml.safe_load(text)["outs"] if text else []
    return str(outs[0]["md5"]) if outs else None
