"""What the demonstration is played with: a folder to learn from, and months to watch."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from radloop.errors import ConfigurationError
from radloop.files import write_secret, write_text

#: The patients of the demonstrations are invented or public, and equal seeds shall give equal splits.
DEMO_KEY = b"the patients of this demonstration are invented or public"


@dataclass(frozen=True)
class Month:
    """One month of production: its studies, and what is planted in it.

    `expected` are the verdicts that would be right; `planted` says why, in words for the closing table.
    """

    name: str
    start: date
    end: date
    folder: Path
    planted: str
    expected: tuple[str, ...]
    labels_come: bool = False


@dataclass(frozen=True)
class Cast:
    """Everything that the story needs; `note` goes on every page, because nobody may mistake a simulation.

    `goal`: seconds in which the whole story should be told on two quiet cores.
    """

    source: str
    training: Path
    months: tuple[Month, ...]
    note: str
    knobs: dict[str, object]
    goal: float


def clear_stage(root: Path) -> None:
    """Make the demonstration's installation anew, with the key of its public patients.

    Raises ConfigurationError for a folder that holds anything but an earlier demonstration.
    """
    marker = root / "DEMONSTRATION"
    found = {path.name for path in root.iterdir()} if root.exists() else set()
    if found - {"prefect"} and not marker.exists():  # Prefect's folder is made as soon as a flow is imported
        raise ConfigurationError(f"{root} holds more than a demonstration", "name another folder in RADLOOP_HOME")
    shutil.rmtree(root, ignore_errors=True)
    write_text(marker, "Everything here is made by `radloop demo` and deleted when it runs again.\n")
    (root / "prefect").mkdir(exist_ok=True)
    write_secret(root / "keys" / "pseudonym.key", DEMO_KEY)
