"""`radloop receive`, `retrieve` and `echo`: the door to a PACS."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from radloop.settings import Settings, load_settings

Host = Annotated[str | None, typer.Option(help="Where the receiver listens; default: RADLOOP_DICOM_HOST.")]


def receive(
    host: Host = None,
    port: Annotated[int | None, typer.Option(help="Default: RADLOOP_DICOM_PORT; 0 takes a free one.")] = None,
    ae_title: Annotated[str | None, typer.Option(help="Default: RADLOOP_DICOM_AE_TITLE.")] = None,
) -> None:
    """Receive studies by C-STORE into the spool until stopped; each is answered when it is safe on the disk."""
    from radloop.gateway import receive as listen

    settings = _settings(dicom_host=host, dicom_port=port, dicom_ae_title=ae_title)
    listen(settings, lambda line: typer.echo(line, err=True))


def retrieve(
    address: Annotated[str, typer.Argument(help="http(s)://host/dicom-web?KEYS or dicom(s)://TITLE@host:port?KEYS.")],
    host: Host = None,
) -> None:
    """Retrieve into the spool what a query of a PACS finds; run again, it goes on from where it was.

    KEYS are DICOM keywords with what they must match: StudyDate=20240101-20240131&ModalitiesInStudy=DX.
    """
    from radloop.gateway import retrieve as fetch

    found = fetch(_settings(dicom_host=host), address)
    typer.echo(
        f"{found.studies} studies, {found.instances} instances, {found.already} of them were here already", err=True
    )


def echo(
    address: Annotated[str | None, typer.Argument(help="dicom(s)://TITLE@host:port; default: our receiver.")] = None,
) -> None:
    """Ask a PACS, or our own receiver, C-ECHO: whether address, AE titles and certificates are right."""
    from radloop.gateway import ask_echo

    typer.echo(ask_echo(load_settings(), address))


def _settings(**told: Any) -> Settings:
    """This machine's settings, where the command line does not tell otherwise."""
    return load_settings().model_copy(update={name: value for name, value in told.items() if value is not None})
