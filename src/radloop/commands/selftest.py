"""`radloop selftest`: prove on invented patients that the installation keeps its promises."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radloop.settings import load_settings

app = typer.Typer(help="Prove on invented patients what this installation promises.", no_args_is_help=True)


@app.callback()
def _several() -> None:
    """Keep the name of the test in the command, though there is one test today."""


@app.command()
def deidentification(
    patients: Annotated[int, typer.Option(min=1, help="How many are invented.")] = 300,
    seed: Annotated[int, typer.Option(help="Equal seeds make equal patients.")] = 0,
    loop: Annotated[bool, typer.Option(help="Play the whole loop over planted films too: minutes.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where it all goes; must be empty or absent.")] = None,
) -> None:
    """Plant identities, ingest, and score the share of required actions done; 1 where it is too small."""
    from rich.console import Console
    from rich.table import Table

    from radloop.params import Params
    from radloop.selftest.running import REPORT, run_selftest
    from radloop.selftest.scoring import GOAL, rows_of

    settings = load_settings()
    folder = out or settings.root / "selftest" / f"deidentification-{seed}-{patients}"
    done = run_selftest(folder, patients, seed, Params.load(settings.project).deidentify, settings.workers)
    table = Table("category", "required", "done", "share (95 %)", title=f"De-identification, seed {seed}")
    for name, required, right, share in rows_of(done.score):
        table.add_row(name, str(required), str(right), str(share))
    Console().print(table)
    strings = sum(map(len, done.traces.values()))
    typer.echo(f"{done.score.share:.4%} (asked: {GOAL:.1%}), {strings} planted strings in {done.searched} stored files")
    typer.echo(f"page: {folder / REPORT}")
    raise typer.Exit(0 if done.passed and (not loop or _search_loop(folder / "loop", seed)) else 1)


def _search_loop(folder: Path, seed: int) -> bool:
    """Play the loop and tell in which files planted strings are; whether in none."""
    from radloop.selftest.loop import run_loop

    files, traces = run_loop(folder, seed, load_settings())
    for name, words in traces.items():
        typer.echo(f"{name}: {', '.join(sorted(words))}")
    typer.echo(f"{sum(map(len, traces.values()))} planted strings in {files} files of the whole loop")
    return not traces
