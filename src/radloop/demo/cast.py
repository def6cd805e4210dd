"""What the demonstration is played with: a folder to learn from, and months to watch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path


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
    """Everything that the story needs; `note` goes on every page, because nobody may mistake a simulation."""

    source: str
    training: Path
    months: tuple[Month, ...]
    note: str
    knobs: dict[str, object]
