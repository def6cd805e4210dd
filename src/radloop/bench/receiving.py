"""How many CT slices a second the receiver takes from DCMTK's storescu, each on the disk before it is answered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from radloop.errors import ConfigurationError, RadloopError
from radloop.settings import Settings, quiet_environment
from radloop.simulate.dicom_encode import data_set, part10

ASSOCIATIONS = 16
SIDE = 512  # pixels of a slice
ROUND = 50  # slices of one association; storescu gives each a UID of its own
CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"
LISTENS = "listens on"


@dataclass(frozen=True)
class Received:
    """What was sent and what lies in the spool; the load is that of the machine's last minute, mean over the time."""

    associations: int
    seconds: float
    sent: int
    stored: int
    per_second: float
    mib_per_second: float
    receiver_cpu_seconds: float
    cores: int
    load: float


def time_receiving(settings: Settings, seconds: float) -> Received:
    """Send for `seconds` from 16 associations into a spool on the installation's disk, and count what lies there.

    Raises ConfigurationError where DCMTK is missing, RadloopError where a sender fails or an instance is lost.
    """
    program = shutil.which("storescu")
    if program is None:
        raise ConfigurationError("there is no storescu", "install DCMTK (Debian: apt-get install dcmtk)")
    settings.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-receive-", dir=settings.root) as name:
        folder, loads = Path(name), [os.getloadavg()[0]]
        files = [_slice(folder / f"{sender}.dcm", sender) for sender in range(ASSOCIATIONS)]
        with _listening(folder / "home") as (port, process), ThreadPoolExecutor(ASSOCIATIONS) as senders:
            began = time.monotonic()
            command = [program, "-aec", "RADLOOP", "+II", "--repeat", str(ROUND), "127.0.0.1", str(port)]
            sent = sum(senders.map(lambda file: _send([*command, str(file)], began + seconds), files))
            took, cpu = time.monotonic() - began, _cpu_seconds(process.pid)
            loads.append(os.getloadavg()[0])
        stored = sum(1 for _ in (folder / "home" / "spool" / "studies").rglob("*.dcm"))
    if stored != sent:
        raise RadloopError(f"{sent} instances were answered and {stored} lie in the spool", "this is a bug: report it")
    mib = sent * SIDE * SIDE * 2 / (1 << 20)
    return Received(
        ASSOCIATIONS, took, sent, stored, sent / took, mib / took, cpu, len(os.sched_getaffinity(0)), mean(loads)
    )


def _send(command: list[str], until: float) -> int:
    """Send round after round; how many slices were answered with success."""
    sent = 0
    while time.monotonic() < until:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RadloopError(f"storescu failed: {done.stderr[-300:]}", "free space, or look at the receiver")
        sent += ROUND
    return sent


@contextmanager
def _listening(home: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """`radloop receive` as a process of its own, and the port that it took."""
    environment = quiet_environment(RADLOOP_HOME=str(home), RADLOOP_DICOM_AE_TITLE="RADLOOP", RADLOOP_DICOM_CALLERS="")
    command = [sys.executable, "-m", "radloop", "receive", "--port", "0"]
    with (home.parent / "receiver.log").open("w+") as log:
        process = subprocess.Popen(command, env=environment, stderr=log, text=True)
        try:
            yield _port(process, home.parent / "receiver.log"), process
        finally:
            process.terminate()
            process.wait()


def _port(process: subprocess.Popen[str], log: Path) -> int:
    while LISTENS not in (said := log.read_text()) or not said.endswith("\n"):
        if process.poll() is not None:
            raise RadloopError(f"the receiver did not start: {said[-300:]}", "run `radloop receive` by hand")
        time.sleep(0.05)
    return int(said.splitlines()[0].rpartition(":")[2])


def _cpu_seconds(pid: int) -> float:
    import psutil

    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _slice(path: Path, sender: int) -> Path:
    """A CT slice of an invented patient, noise all over."""
    pixels = np.random.default_rng(sender).integers(0, 4096, (SIDE, SIDE)).astype("<u2")
    uid = f"2.25.{sender + 1}"
    attributes = {
        "SOPClassUID": CT, "SOPInstanceUID": f"{uid}.1", "StudyInstanceUID": uid, "SeriesInstanceUID": f"{uid}.2",
        "PatientID": f"invented-{sender}", "Modality": "CT", "Rows": SIDE, "Columns": SIDE, "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11,
        "PixelRepresentation": 0, "PixelData": pixels.tobytes(),
    }  # fmt: skip
    meta = {
        "MediaStorageSOPClassUID": CT, "MediaStorageSOPInstanceUID": f"{uid}.1", "TransferSyntaxUID": EXPLICIT,
        "ImplementationClassUID": "2.25.1",
    }  # fmt: skip
    path.write_bytes(part10(meta, data_set(attributes)))
    return path
