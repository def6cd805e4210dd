"""Snapshots on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from radloop.catalog import read_catalog, read_quarantine
from radloop.errors import ServiceUnavailable
from radloop.evaluation.names import UNKNOWN
from radloop.settings import Settings
from radloop.snapshots.change import Change, change, count_images, images_of
from radloop.snapshots.history import Version, last_two, version, versions
from radloop.snapshots.page import percent, points, sentence, write_page
from radloop.snapshots.taking import Choice, take
from radloop.workspace import Workspace


def show_snapshot(settings: Settings, use_case: str) -> None:
    """Print what the current snapshot holds and what was refused, with its md5.

    Raises ConfigurationError where nothing has been ingested.
    """
    from rich.console import Console
    from rich.table import Table

    place = Workspace(settings)
    table = Table(title=f"{use_case} · snapshot {place.md5(use_case)}")
    table.add_column("what")
    table.add_column("value", justify="right")
    for name, value in facts(place.snapshot_folder(use_case), place.case(use_case).task.finding).items():
        table.add_row(name, value)
    Console().print(table)


def facts(folder: Path, finding: str) -> dict[str, str]:
    """What a snapshot holds and why the rest was refused, as a person reads it; figures are of images, not of masks."""
    rows = read_catalog(folder)
    images = images_of(rows)
    labelled = images[images["findings"].notna()]
    share = labelled["findings"].map(lambda found: finding in found).mean()
    ages = images["age"].dropna()
    return {
        "images": str(len(images)),
        "masks": str(len(rows) - len(images)),
        "patients": str(rows["patient_id"].nunique()),
        "studies": str(rows["study_id"].nunique()),
        "labelled": str(len(labelled)),
        f"{finding} among labelled": f"{share:.1%}" if len(labelled) else "-",
        "age, median": f"{ages.median():.1f}" if len(ages) else "-",
        **_counts(images, "sex", "sex"),
        **_counts(images, "view", "view"),
        **_counts(images, "manufacturer", "scanner"),
        **_counts(read_quarantine(folder), "reason", "refused:"),
    }


def _counts(images: pd.DataFrame, column: str, name: str) -> dict[str, str]:
    values: pd.Series[Any] = images[column].fillna(UNKNOWN)
    return {f"{name} {value}": str(count) for value, count in values.value_counts().items()}


def show_versions(settings: Settings, use_case: str) -> None:
    """Print every snapshot of a use case, oldest first: its md5, its commit, since when, how many images.

    Raises ConfigurationError where nothing has been ingested.
    """
    from rich.console import Console
    from rich.table import Table

    place = Workspace(settings)
    table = Table("md5", "commit", "since", title="snapshots, oldest first")
    table.add_column("images", justify="right")
    for one in versions(place, use_case):
        table.add_row(one.md5, one.commit[:8], f"{one.when:%Y-%m-%d %H:%M}", _images(place, one))
    Console().print(table)


def _images(place: Workspace, one: Version) -> str:
    try:
        return str(count_images(place, one))
    except ServiceUnavailable:  # a list is worth having while the remote is away
        return "out of reach"


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


def check_out(settings: Settings, use_case: str, name: str | None, choice: Choice, folder: Path) -> str:
    """Write what is chosen of a snapshot into `folder` and say in one line what that was.

    Raises what `take` raises, and ConfigurationError where the snapshot is unknown.
    """
    place = Workspace(settings)
    chosen = version(place, use_case, name)
    taken = take(place, chosen, choice, folder)
    return f"{taken.instances} instances of snapshot {chosen.short} from {taken.shards} shards in {folder}"


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
