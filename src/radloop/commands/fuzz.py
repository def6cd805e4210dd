"""`radloop fuzz`: damage files at random and read them, for as long as somebody cares to wait."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radloop.settings import load_settings


def fuzz(
    seconds: Annotated[float, typer.Option(min=1, help="How long.")] = 60,
    seed: Annotated[int, typer.Option(help="Equal seeds try the same files in the same order.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Where files that break a promise are kept.")] = None,
) -> None:
    """Read damaged files as ingest does; 1 where one is neither refused with a reason nor stored without identity.

    The files are pydicom's own test files, invented films and the named kinds of bad file: no patient's.
    """
    from radloop.files import write_bytes
    from radloop.fuzzing.running import fuzz as run
    from radloop.fuzzing.running import seeds

    settings = load_settings()
    found = run(seconds, seed, max(settings.workers, 1), seeds())
    for reason, count in found.reasons.most_common():
        typer.echo(f"{count:8d} {reason}")
    typer.echo(f"{found.trials} files, seed {seed}: {len(found.broken)} broke a promise")
    if found.broken:
        folder = out or settings.root / "fuzz" / str(seed)
        folder.mkdir(parents=True, exist_ok=True)
        for number, (_, content) in enumerate(found.broken):
            write_bytes(folder / f"{number:03d}", content)
        typer.echo(f"kept in {folder}")
    raise typer.Exit(1 if found.broken else 0)
