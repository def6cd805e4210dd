"""Snapshots on a terminal."""

from __future__ import annotations

from pathlib import Path

from radloop.settings import Settings
from radloop.snapshots.change import Change, change
from radloop.snapshots.history import last_two
from radloop.snapshots.page import percent, points, sentence, write_page
from radloop.workspace import Workspace


def show_change(settings: Settings, use_case: str, before: str | None, after: str | None) -> Path:
    """Print what changed between two snapshots, write its page, and return the page's path.

    Raises ConfigurationError where a snapshot is unknown, ServiceUnavailable where its catalog cannot be had.
    """
    from rich.console import Console

    place = Workspace(settings)
    found = change(place, *last_two(place, use_case, before, after))
    console = Console()
    for table in _tables(found):
        console.print(table)
    console.print(sentence(found))
    return write_page(found, settings.reports)


def _tables(found: Change) -> list[object]:
    from rich.table import Table

    moved = Table(title=f"{found.before.use_case} · {found.before.short} to {found.after.short}")
    for head in ("", "before", "after", "in", "out"):
        moved.add_column(head, justify="right" if head else "left")
    for one in found.moved:
        moved.add_row(one.kind, str(one.before), str(one.after), str(one.came), str(one.left))
    moved.add_row("relabelled", "", str(found.relabelled), "", "")
    shares = Table(title="shares of images, 95 % intervals", caption="* the intervals do not meet")
    for head in ("", "category", "before", "after", "points"):
        shares.add_column(head, justify="right" if head in ("before", "after", "points") else "left")
    previous = ""
    for share in found.shares:
        name = share.characteristic if share.characteristic != previous else ""
        previous, mark = share.characteristic, " *" if share.apart else ""
        shares.add_row(name, share.category, percent(share.before), percent(share.after), points(share) + mark)
    return [moved, shares]
