"""The `radloop` command: one door for people. Heavy tools are imported inside the command that needs them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from radloop.commands import bench, data, gateway, selftest, spool
from radloop.commands.arguments import DEFAULT_CASE, UseCase
from radloop.commands.denoiser import denoiser
from radloop.commands.fuzz import fuzz
from radloop.errors import GateClosed, RadloopError
from radloop.settings import load_settings, quieten

app = typer.Typer(
    help="The loop of AI-assisted radiology: data in, versioned, validated; models trained, judged, deployed, watched.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
labels = typer.Typer(help="Late labels: what turned out to be true of predictions.", no_args_is_help=True)
ledger = typer.Typer(help="The tamper-evident history.", no_args_is_help=True)
app.add_typer(labels, name="labels")
app.add_typer(ledger, name="ledger")
app.add_typer(data.app, name="data")
app.add_typer(spool.app, name="spool")
app.add_typer(selftest.app, name="selftest")
app.add_typer(bench.app, name="bench")
app.command()(fuzz)
app.command()(denoiser)
for command in (gateway.receive, gateway.retrieve, gateway.echo):
    app.command()(command)

Host = Annotated[str, typer.Option(help="Loopback unless you know better.")]


def say(text: str) -> None:
    """One line for a person, on standard error so that standard output stays data."""
    from rich.console import Console  # 0.1 s that --help need not pay

    Console(stderr=True, highlight=False).print(text)


@app.command()
def stage(verb: str, use_case: str) -> None:
    """Run one DVC stage in the current folder (what dvc.yaml calls)."""
    from radloop.stages import run_stage

    run_stage(verb, use_case)


@app.command()
def run(
    flow: Annotated[str, typer.Argument(help="ingest, validate, train, evaluate, deploy, infer, monitor or retrain.")],
    use_case: UseCase = DEFAULT_CASE,
    parameter: Annotated[list[str] | None, typer.Option("-p", "--param", help="key=value, as often as needed.")] = None,
    watch: Annotated[bool, typer.Option(help="Wait for the end of a deployment's run.")] = True,
) -> None:
    """Start a flow: as a deployment where `radloop up` runs, else here and now.

    Prefect names a deployment FLOW/DEPLOYMENT, so the long way to say `radloop run train chest_pneumonia` is
    [bold]prefect deployment run 'train/train' -p use_case=chest_pneumonia --watch[/bold].
    """
    from radloop.running import start_flow

    raise typer.Exit(start_flow(load_settings(), flow, use_case, parameter or [], watch))


@app.command()
def repro(use_case: UseCase = DEFAULT_CASE) -> None:
    """Run the whole pipeline of a use case, and nothing of it that is up to date."""
    from radloop.running import reproduce_all

    reproduce_all(load_settings(), use_case, say)


@app.command()
def demo(
    source: Annotated[str, typer.Option(help="simulated, or nih_cxr with --data.")] = "simulated",
    data_folder: Annotated[Path | None, typer.Option("--data", help="Folder of the real data set.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulated hospital.")] = 0,
) -> None:
    """Tell the whole story once: a hospital, a model, a quiet month, a shifted one, a verdict and a retrain."""
    from radloop.running import start_demo

    raise typer.Exit(start_demo(source, data_folder, seed))


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Where the DICOM files go; must be empty or absent.")],
    studies: Annotated[int, typer.Option(help="How many.")] = 100,
    seed: Annotated[int, typer.Option(help="Equal seeds make equal hospitals.")] = 0,
    shift: Annotated[list[str] | None, typer.Option(help="A planted shift, as often as wanted.")] = None,
) -> None:
    """Write the radiographs of a simulated hospital: invented patients, physics for pictures, known truth."""
    from radloop.running import simulate_folder

    simulate_folder(folder, studies, seed, shift or [], load_settings().workers)


@app.command()
def serve(
    use_case: UseCase = DEFAULT_CASE,
    host: Host = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Default: RADLOOP_SERVING_PORT.")] = None,
) -> None:
    """Answer POST /predict with the champion, and follow its alias without a restart."""
    import uvicorn

    from radloop.serving.app import create_app

    settings = load_settings()
    uvicorn.run(create_app(settings, use_case), host=host, port=port or settings.serving_port, log_level="warning")


@app.command()
def up() -> None:
    """Start Prefect, MLflow, the prediction service and a worker on loopback, and wait for their health.

    The DICOM receiver too where RADLOOP_DICOM_RECEIVE says so, at RADLOOP_DICOM_HOST.
    """
    from radloop.services import prefect_url
    from radloop.services import up as start

    start(load_settings(), say)
    say(f"for your own prefect commands: export PREFECT_API_URL={prefect_url(load_settings())}")


@app.command()
def down() -> None:
    """Stop what `up` started, and only that."""
    from radloop.services import down as stop

    stop(load_settings(), say)


@app.command("register-deployments")
def register() -> None:
    """Tell a Prefect server the work pool, the deployments and the automations (part of `up`)."""
    from radloop.services import register_deployments

    register_deployments(load_settings())


@app.command()
def doctor() -> None:
    """Look for the known traps of this machine, its packages and its environment, and say the mend."""
    from radloop.doctor import examine

    raise typer.Exit(examine(load_settings()))


@app.command()
def settings() -> None:
    """Show the settings of this machine; secrets stay hidden."""
    for name, value in load_settings().model_dump().items():
        typer.echo(f"RADLOOP_{name.upper():18} {value}")


Who = Annotated[str, typer.Option(prompt="your name", help="Who decides; written to the ledger.")]
Why = Annotated[str, typer.Option(prompt="your reason", help="Why; written to the ledger.")]


@app.command()
def approve(version: int, who: Who, why: Why, use_case: UseCase = DEFAULT_CASE) -> None:
    """Approve a model version for champion; `register.approvals` says how many people must."""
    from radloop.registry import Registry

    Registry(load_settings()).approve(use_case, version, who, why)
    say(f"{who} approved {use_case}/{version}")


@app.command()
def rollback(who: Who, why: Why, use_case: UseCase = DEFAULT_CASE) -> None:
    """Bring back the champion before today's; with none before, there is no champion any more."""
    from radloop.registry import Registry

    now = Registry(load_settings()).rollback(use_case, who, why)
    say(f"{now.name} is champion again" if now else f"{use_case} has no champion any more")


@app.command()
def reidentify(
    pseudonym: Annotated[str, typer.Argument(help="A patient's (p-...), a site's (site-...) or a UID (2.25...).")],
    among: Annotated[Path, typer.Option(help="Your own list of identifiers, one in a line; radloop keeps none.")],
    who: Who,
    why: Why,
) -> None:
    """Say whose pseudonym this is, on standard output alone; who asked and why goes into the ledger first."""
    from radloop.reidentify import reidentify as look

    found = look(load_settings(), pseudonym, among, who, why)
    if found is None:
        say("none of these identifiers has this pseudonym under this installation's key")
        raise typer.Exit(1)
    typer.echo(found)


@labels.command("add")
def labels_add(file: Path) -> None:
    """Join late labels (CSV or Parquet: prediction_id, findings) to their predictions."""
    from radloop.running import add_labels

    add_labels(load_settings(), file, say)


@ledger.command("verify")
def ledger_verify() -> None:
    """Prove that no entry was altered, dropped or reordered; exit code 4 where one was."""
    from radloop.ledger import Ledger

    found = Ledger(load_settings().ledger).verify()
    for problem in found.problems:
        say(f"[red]{problem}[/red]")
    if not found.intact:
        raise GateClosed("the ledger was tampered with.", "restore it from a backup and find out who wrote to it")
    say(f"{found.entries} entries, every hash and signature holds (key {found.key})")


@ledger.command("show")
def ledger_show(kind: Annotated[str | None, typer.Option(help="Only entries of this kind.")] = None) -> None:
    """List the history, oldest first."""
    from radloop.ledger import Ledger

    for entry in Ledger(load_settings().ledger).entries(kind):
        typer.echo(f"{entry.sequence:6} {entry.time} {entry.kind:12} {entry.body}")


def main() -> None:
    """Run the command; foreseen failures are one line with the next step, never a traceback."""
    quieten()
    try:
        app()
    except RadloopError as error:
        say(f"[red]{error.family}[/red]: {error.message}")
        if error.next_step:
            say(f"next: {error.next_step}")
        sys.exit(error.exit_code)
