"""What the command line does beside calling one room: start a flow, reproduce a pipeline, show data."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from radloop.errors import ConfigurationError, RadloopError
from radloop.gate import require
from radloop.params import Params
from radloop.progress import progress_bar
from radloop.services import environment, require_health, running
from radloop.settings import Settings, load_settings, orchestration, quiet_environment
from radloop.workspace import Workspace

FLOWS = ("ingest", "validate", "train", "evaluate", "deploy", "infer", "monitor", "retrain")


def start_flow(settings: Settings, flow: str, use_case: str, parameters: list[str], watch: bool) -> int:
    """Start a flow as a deployment if this installation's worker is up, else in a child process; return its exit code.

    Raises ConfigurationError for an unknown flow, use case or parameter spelling, ServiceUnavailable where the
    worker's Prefect server is away.
    """
    if flow not in FLOWS:
        raise ConfigurationError(f"unknown flow {flow!r}; known: {', '.join(FLOWS)}", "choose one of these")
    Params.load(settings.project).use_case(use_case)
    values = _parse(parameters)
    if values.get("source") == "pacs":
        from radloop.sources.retrieval import require_nameless  # brings pydicom

        require_nameless(str(values.get("folder", "")))
    if "worker" in running(settings):
        require_health(settings, "prefect")
        pairs = [f"{key}={json.dumps(value)}" for key, value in {"use_case": use_case, **values}.items()]
        flags = [flag for pair in pairs for flag in ("-p", pair)] + (["--watch"] if watch else [])
        command = [sys.executable, "-m", "prefect", "deployment", "run", f"{flow}/{flow}", *flags]
        return subprocess.run(command, cwd=settings.project, env=environment(settings), check=False).returncode
    command = [sys.executable, "-m", f"flows.{flow}", use_case, *parameters]
    child = quiet_environment(**orchestration(settings))
    return subprocess.run(command, cwd=settings.project, env=child, check=False).returncode


def _parse(parameters: list[str]) -> dict[str, Any]:
    """key=value pairs; a value is JSON where it parses as such, else text."""
    values: dict[str, Any] = {}
    for pair in parameters:
        key, sign, text = pair.partition("=")
        if not sign:
            raise ConfigurationError(f"parameter {pair!r} is not key=value", "write -p key=value")
        try:
            values[key] = json.loads(text)
        except json.JSONDecodeError:
            values[key] = text
    return values


def run_here(flow: Callable[..., Any], arguments: list[str]) -> None:
    """`python -m flows.<name> [use_case] [key=value ...]`: run a flow with no server, exit as its failure says."""
    try:
        flow(**_values(flow, arguments))
    except RadloopError as error:
        print(f"{error.family}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _values(flow: Callable[..., Any], arguments: list[str]) -> dict[str, Any]:
    """What a flow is called with; a wrong word is refused before Prefect's server is waited for."""
    values = _parse([argument for argument in arguments if "=" in argument])
    plain = [argument for argument in arguments if "=" not in argument]
    known, name = inspect.signature(flow).parameters, getattr(flow, "name", "this flow")
    if len(plain) > 1:
        raise ConfigurationError(f"{plain[1]!r} is not key=value", f"write {', '.join(f'{key}=...' for key in known)}")
    for key in values:
        if key not in known:
            raise ConfigurationError(f"{name} knows no parameter {key!r}", f"choose among {', '.join(known)}")
    values.update({"use_case": plain[0]} if plain else {})
    if "use_case" in values:
        Params.load(load_settings().project).use_case(str(values["use_case"]))
    return values


def start_demo(source: str, data: Path | None, seed: int) -> int:
    """Play the demonstration in an installation of its own, made anew; return its exit code.

    Raises ConfigurationError for an unknown source, or while that installation's services are up.
    """
    if source not in ("simulated", "nih_cxr") or (source == "nih_cxr") != (data is not None):
        raise ConfigurationError(f"no demonstration of {source!r}", "--source simulated, or nih_cxr with --data FOLDER")
    usual, name = load_settings(), f"demo-{source}"
    settings = Settings(name=name, home=usual.home / name if usual.home else None)
    if running(settings):
        raise ConfigurationError(f"services of {settings.name} are up", f"RADLOOP_NAME={settings.name} radloop down")
    words = [f"seed={seed}", *([f"data={data.absolute()}"] if data else [])]
    command = [sys.executable, "-m", "flows.demo", *words]
    child = quiet_environment(**orchestration(settings), RADLOOP_NAME=settings.name)
    return subprocess.run(command, cwd=settings.project, env=child, check=False).returncode


def reproduce_all(settings: Settings, use_case: str, say: Callable[[str], None]) -> bool:
    """Bring the whole pipeline of a use case up to date in the workspace; True when a stage was executed.

    Raises GateClosed, after what was reproduced is committed, where the evaluation does not pass: asking again then
    executes nothing and says so again.
    """
    place = Workspace(settings)
    place.synchronise()
    case = place.case(use_case)
    if not place.snapshot_folder(use_case).exists():
        say(f"{use_case} has no data yet: ingesting {case.ingest.source}")
        if start_flow(settings, "ingest", use_case, [], watch=True):
            raise ConfigurationError("ingest failed, see above", f"radloop run ingest {use_case}")
    executed = place.reproduce(use_case, "evaluate", single=False)
    if place.judged_well(use_case):
        executed = place.reproduce(use_case, place.params.verbs(use_case)[-1], single=False) or executed
    if executed:
        place.commit_run(f"Run {use_case}")
    say(f"{use_case}: {'reproduced' if executed else 'nothing changed, no stage was executed'}")
    require(place.gate(use_case, "evaluate"))
    return executed


def simulate_folder(folder: Path, studies: int, seed: int, shifts: list[str], workers: int) -> None:
    """Write a simulated hospital's studies into an empty folder, with a progress bar.

    Raises ConfigurationError where the folder holds files or a shift is unknown.
    """
    from radloop.simulate.hospital import Hospital, simulate
    from radloop.simulate.shifts import shifted

    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty", "name a new folder")
    hospital = shifted(Hospital(seed=seed), shifts)
    with progress_bar("simulating studies", studies) as advance:
        simulate(hospital, studies, folder, workers=workers, progress=advance)


def add_labels(settings: Settings, file: Path, say: Callable[[str], None]) -> None:
    """Add a file of late labels to the prediction log and say what became of them."""
    from radloop.predictions import PredictionLog, read_label_file

    report = PredictionLog(settings.log).add_labels(read_label_file(file))
    say(
        f"{report.added} labels added, {report.already} known before, {len(report.unknown)} of no prediction kept aside"
    )


def scan_folder(folder: Path) -> None:
    """Print what a folder of DICOM files holds. Raises ConfigurationError where there is no such folder."""
    from dataclasses import astuple

    from rich.console import Console
    from rich.table import Table

    from radloop.sources.survey import survey

    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}", "check the path of the data")
    found = survey(folder)
    table = Table("modality", "size", "studies", "series", "instances", "frames", title="DICOM objects by kind")
    for kind in found.kinds:
        table.add_row(*map(str, astuple(kind)))
    Console().print(table)
    Console().print(f"{found.unreadable} files are no DICOM that can be read")
