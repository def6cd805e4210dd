"""`radloop doctor`: the known traps that a machine shows before they bite, each with its mend."""

from __future__ import annotations

import importlib.metadata as metadata
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from radloop.errors import ConfigurationError
from radloop.settings import TELEMETRY, Settings, environment_of, orchestration


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is well, what was seen, and the mend where it is not."""

    well: bool
    name: str
    seen: str
    mend: str = ""


#: Exact or bounded versions with the reason; (package, lowest, below, reason)
PINS = (
    ("torch", "2.13.0", "2.13.1", "another build brings gigabytes of CUDA; install torch==2.13.0 first"),
    ("pandas", "2", "3", "evidently 0.7 dies at import on pandas 3"),
    (
        "fastapi",
        "0.139",
        "0.151",
        "from 0.151 the Prefect 3.8 server refuses its own client, and `prefect deploy` fails",
    ),
    ("plotly", "5.24", "6", "asking for 6 drags evidently back to 0.6"),
    ("prefect", "3.8.8", "3.8.9", "tested with this one"),
    ("mlflow", "3.17.2", "3.17.3", "tested with this one"),
    ("evidently", "0.7.23", "0.7.24", "tested with this one"),
    ("great-expectations", "1.24.1", "1.24.2", "tested with this one"),
    ("dvc", "3.67.1", "3.67.2", "tested with this one"),
    ("monai", "1.6.1", "1.6.2", "tested with this one"),
    ("Flask-WTF", "1", "2", "MLflow's login does not start without it: ask for mlflow[auth]"),
)
#: Packages that do not belong beside ours, with the reason.
STRANGERS = {
    "torchvision": "no CPU build fits torch 2.13.0; nothing here needs it",
    "flwr": "its fastapi fights Prefect's",
    "bentoml": "its pins fight Prefect's",
    "pyradiomics": "does not build on Python 3.11",
    "pictologics": "needs Python 3.12",
    "neuroHarmonize": "known not to fit these pins",
    "alibi-detect": "known not to fit these pins",
    "model-card-toolkit": "known not to fit these pins",
    "nannyml": "0.8 GB, and nothing here needs it",
    "mirp": "EUPL, and it brings itk, 1.4 GB",
    "itk": "1.4 GB, and nothing here needs it",
    "pylibjpeg-libjpeg": "GPL; pylibjpeg-openjpeg, pyjpegls and python-gdcm read what it reads",
    "scikit-survival": "GPL, and nothing here needs it",
    "quantus": "GPL, and nothing here needs it",
}
PATIENCE = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything that `doctor` looks at, in order."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(sys.version_info[:2] == (3, 11), "Python", version, "use Python 3.11: the pins were tested on it")
    yield from _pins()
    yield from _strangers()
    yield from _tools()
    yield from _machine(settings)
    yield from _threads(settings)
    yield from _ports(settings)
    if settings.tls_certificate:
        yield from _tls(settings)
    yield from _prefect(settings)
    yield _telemetry()
    analytics = settings.project / ".dvc" / "config"
    quiet = analytics.exists() and "analytics = false" in analytics.read_text()
    yield Finding(quiet, "DVC's telemetry", "off" if quiet else "on", "dvc config core.analytics false")


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _pins() -> Iterator[Finding]:
    from packaging.version import Version

    for package, lowest, below, reason in PINS:
        seen = _installed(package)
        well = seen is not None and Version(lowest) <= Version(seen) < Version(below)
        yield Finding(well, package, seen or "not installed", f"make setup ({reason})")


def _strangers() -> Iterator[Finding]:
    for package, reason in STRANGERS.items():
        seen = _installed(package)
        if seen:
            yield Finding(False, package, seen, f"pip uninstall {package} ({reason})")
    cuda = sorted({str(d.metadata["Name"]) for d in metadata.distributions() if _is_cuda(str(d.metadata["Name"]))})
    mend = "fine on a GPU machine; else make a fresh .venv with torch==2.13.0 first"
    yield Finding(not cuda, "CUDA packages", f"{len(cuda)} installed", mend)


def _is_cuda(name: str) -> bool:
    return name.startswith("nvidia-") and name != "nvidia-ml-py"


def _tools() -> Iterator[Finding]:
    reads = "only deidentify.clean_pixel_data: clean needs it, and then refuses every film that may hold text"
    for tool, mend in (
        ("git", "install git: the workspace is a clone"),
        ("chromium", "only browser tests need it"),
        ("tesseract", reads),
    ):
        path = shutil.which(tool)
        yield Finding(bool(path) or tool != "git", tool, "found" if path else f"missing ({mend})", mend)


def _machine(settings: Settings) -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory().total / 2**30
    yield Finding(memory >= 4, "memory", f"{memory:.1f} GiB", "the demo needs 4 GiB")
    place = next(folder for folder in [settings.root, *settings.root.parents] if folder.exists())
    free = shutil.disk_usage(place).free / 2**30
    yield Finding(free >= 6, "disk", f"{free:.0f} GiB free", "free some: the environment and the demo take 6 GiB")
    writable = _writable(place)
    yield Finding(writable, "home", "writable" if writable else "read-only", "set RADLOOP_HOME to a writable folder")


def _threads(settings: Settings) -> Iterator[Finding]:
    """OpenMP's threads wait by spinning: more than cores, or told to spin, they take the time of those that work."""
    cores, told = os.cpu_count() or 1, environment_of("OMP_NUM_THREADS", "OMP_WAIT_POLICY")
    wanted = settings.threads or _number(told.get("OMP_NUM_THREADS", "")) or cores
    seen = f"at most {wanted} a process on {cores} cores"
    yield Finding(
        wanted <= cores, "threads", seen, f"set RADLOOP_THREADS to at most {cores}, less where two trainings run"
    )
    spins = told.get("OMP_WAIT_POLICY", "").casefold() == "active"
    yield Finding(not spins, "OpenMP", "told to spin" if spins else "not told to spin", "unset OMP_WAIT_POLICY")


def _number(text: str) -> int | None:
    first = text.split(",")[0].strip()
    return int(first) if first.isdecimal() else None


def _prefect(settings: Settings) -> Iterator[Finding]:
    seen = environment_of(PATIENCE).get(PATIENCE, orchestration(settings)[PATIENCE])
    well = (_number(seen) or 0) >= 60
    yield Finding(
        well, "patience with Prefect", f"{seen} s", f"unset {PATIENCE}: its server may take 20 s to start, or more"
    )


def _telemetry() -> Finding:
    """What the processes that radloop starts would tell the makers of its tools."""
    seen = environment_of(*TELEMETRY)
    loud = [name for name, value in TELEMETRY.items() if seen.get(name) != value]
    mend = " ".join(["export", *(f"{name}={TELEMETRY[name]}" for name in loud or TELEMETRY)])
    return Finding(not loud, "telemetry", "off" if not loud else f"not off: {', '.join(loud)}", mend)


def _writable(place: Path) -> bool:
    return os.access(place, os.W_OK)


def _ports(settings: Settings) -> Iterator[Finding]:
    from radloop.services import running

    ours = running(settings)
    for name in ("prefect", "mlflow", "serving", *["dicom"] * settings.dicom_receive):
        port = getattr(settings, f"{name}_port")
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        seen = f"{port} " + ("ours" if name in ours else "taken" if taken else "free")
        yield Finding(not taken or name in ours, f"port of {name}", seen, f"set RADLOOP_{name.upper()}_PORT")


def _tls(settings: Settings) -> Iterator[Finding]:
    from radloop.sources.tls import tls_of

    try:
        tls_of(settings).client()
        left = (tls_of(settings).expires() - time.time()) / 86400
    except ConfigurationError as error:
        yield Finding(False, "certificate towards a PACS", error.message, error.next_step)
        return
    yield Finding(left > 30, "certificate towards a PACS", f"{left:.0f} days left", "ask for a new one")
    closed = settings.tls_key is None or settings.tls_key.stat().st_mode & 0o077 == 0
    yield Finding(
        closed, "its key", "its owner's alone" if closed else "others may read it", "chmod 600 $RADLOOP_TLS_KEY"
    )


def examine(settings: Settings, say: Callable[[object], None] | None = None) -> int:
    """Print every finding; return the number of things to mend."""
    from rich.console import Console
    from rich.table import Table

    table = Table("", "what", "seen", "mend")
    seen = list(findings(settings))
    for finding in seen:
        mark = "[green]ok[/green]" if finding.well else "[red]mend[/red]"
        table.add_row(mark, finding.name, finding.seen, "" if finding.well else finding.mend)
    (say or Console().print)(table)
    return sum(not finding.well for finding in seen)
