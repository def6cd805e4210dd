"""`radloop spool`: raw studies as they came, before ingest."""

from __future__ import annotations

from typing import Annotated

import typer

from radloop.commands.arguments import DEFAULT_CASE, UseCase
from radloop.settings import load_settings

app = typer.Typer(help="Raw studies as they came, before ingest.", no_args_is_help=True)


@app.command()
def show() -> None:
    """Count the studies that are complete, those that still arrive, and what was set aside."""
    from radloop.gateway import describe_spool

    for line in describe_spool(load_settings()):
        typer.echo(line)


@app.command()
def release(
    use_case: UseCase = DEFAULT_CASE,
    committed: Annotated[bool, typer.Option(help="Those too of which a sender was told that they are safe.")] = False,
) -> None:
    """Remove the instances that the use case's snapshot has admitted; refused ones stay to be looked at."""
    from radloop.gateway import release_admitted

    typer.echo(f"{release_admitted(load_settings(), use_case, committed)} instances removed from the spool", err=True)
