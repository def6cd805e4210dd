"""What a training says while it runs: a line per epoch that survives a crash, a bar for whoever watches."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from radloop.files import write_text

T = TypeVar("T")
METRICS = "metrics.jsonl"


class Journal:
    """The growing `metrics.jsonl`: one fsynced JSON line per epoch, each step at most once."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / METRICS

    def begin(self, history: list[dict[str, Any]]) -> None:
        """Make the file say exactly `history`: lines after the checkpoint will be written again."""
        write_text(self.path, "".join(_line(row) for row in history))

    def add(self, row: dict[str, Any]) -> None:
        """Append one epoch and have it on the disk before training goes on."""
        with self.path.open("a") as stream:
            stream.write(_line(row))
            stream.flush()
            os.fsync(stream.fileno())


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, allow_nan=False) + "\n"


def watched(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Yield `items` behind a progress bar where a person watches a terminal, silently elsewhere."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=what, total=total, console=Console(stderr=True), transient=True)


def say(sentence: str) -> None:
    """One line for the log, at once."""
    print(f"{time.strftime('%H:%M:%S')} {sentence}", file=sys.stderr, flush=True)
