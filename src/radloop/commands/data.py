"""`radloop data`: the snapshots of the data, what changed between two, and one study of any of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radloop.commands.arguments import DEFAULT_CASE, UseCase
from radloop.settings import load_settings

Named = Annotated[str, typer.Option("--use-case", help="A section of params.yaml.")]

app = typer.Typer(help="Snapshots of the data.", no_args_is_help=True)


@app.command()
def show(use_case: UseCase = DEFAULT_CASE) -> None:
    """Say what the current snapshot holds (patients, prevalence, demographics, scanners), and list all snapshots."""
    from radloop.snapshots.console import show_snapshot, show_versions

    show_snapshot(load_settings(), use_case)
    show_versions(load_settings(), use_case)


@app.command()
def diff(
    before: Annotated[
        str | None, typer.Argument(help="Beginning of an md5 or a commit; default: the last but one.")
    ] = None,
    after: Annotated[str | None, typer.Argument(help="The same; default: the last.")] = None,
    use_case: Named = DEFAULT_CASE,
) -> None:
    """Compare two snapshots: patients in and out, prevalence, demographics, scanners; a page with a picture too."""
    from radloop.snapshots.console import show_change

    typer.echo(show_change(load_settings(), use_case, before, after))


@app.command()
def checkout(
    to: Annotated[Path, typer.Option(help="Where the files go; must be empty or absent.")],
    snapshot: Annotated[str | None, typer.Argument(help="Beginning of an md5 or a commit; default: the last.")] = None,
    study: Annotated[str | None, typer.Option(help="Only this study: its pseudonym, as the catalog has it.")] = None,
    patient: Annotated[str | None, typer.Option(help="Only this patient: the pseudonym p-..., never an id.")] = None,
    use_case: Named = DEFAULT_CASE,
) -> None:
    """Write a snapshot's de-identified instances as files; of the shards only those that hold them are fetched."""
    from radloop.snapshots.console import check_out
    from radloop.snapshots.taking import Choice

    typer.echo(check_out(load_settings(), use_case, snapshot, Choice(study, patient), to))


@app.command()
def scan(folder: Annotated[Path, typer.Argument(help="Files at any depth; none is changed.")]) -> None:
    """Count what a folder of DICOM files holds before it is ingested: kinds, studies, series; no identities."""
    from radloop.running import scan_folder

    scan_folder(folder)
