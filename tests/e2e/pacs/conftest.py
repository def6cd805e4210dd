"""A real PACS (Debian's Orthanc with its DICOMweb plugin), DCMTK's senders, and a network that can be cut."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import pytest

from radloop.settings import PROJECT, QUIET, Settings
from radloop.simulate.dicom_encode import data_set, part10

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"
KEY = "the key of this test alone, 32 bytes"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def free_ports() -> Callable[[int], list[int]]:
    """Find ports that nobody listens on."""
    return lambda count: [free_port() for _ in range(count)]


def until(true: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.05)


def heard(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False


def ct(study: int, number: int, side: int = 16) -> bytes:
    """A CT slice as a file."""
    uid, pixels = f"1.2.3.{study}.1.{number}", np.random.default_rng([study, number]).integers(0, 4096, (side, side))
    attributes = {
        "SOPClassUID": CT, "SOPInstanceUID": uid, "StudyInstanceUID": f"1.2.3.{study}", "StudyDate": f"2024010{study}",
        "SeriesInstanceUID": f"1.2.3.{study}.{1 + number % 2}", "PatientID": f"MRN-{study}", "PatientName": "Zanzibar",
        "Modality": "CT", "Rows": side, "Columns": side, "SamplesPerPixel": 1, "BitsAllocated": 16, "BitsStored": 12,
        "HighBit": 11, "PixelRepresentation": 0, "PhotometricInterpretation": "MONOCHROME2",
        "PixelData": pixels.astype("<u2").tobytes(),
    }  # fmt: skip
    meta = {
        "MediaStorageSOPClassUID": CT, "MediaStorageSOPInstanceUID": uid, "TransferSyntaxUID": EXPLICIT,
        "ImplementationClassUID": "1.2.3.4",
    }  # fmt: skip
    return part10(meta, data_set(attributes))


@pytest.fixture
def slice_file() -> Callable[..., bytes]:
    """Make a CT slice of a study."""
    return ct


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc: its ports, and where its modality `RADLOOP` listens."""

    http: int
    dicom: int
    receiver: int

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.http}/dicom-web"

    @property
    def dimse(self) -> str:
        return f"dicom://ORTHANC@127.0.0.1:{self.dicom}"

    def put(self, content: bytes) -> None:
        httpx.post(f"http://127.0.0.1:{self.http}/instances", content=content).raise_for_status()


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """Orthanc with three studies of five slices of 512 x 512, on free ports of loopback; no test changes it."""
    program = shutil.which("Orthanc")
    if program is None or not PLUGIN.exists():
        pytest.skip("needs Debian's packages orthanc and orthanc-dicomweb")
    made = Orthanc(free_port(), free_port(), free_port())
    with RunningOrthanc(program, made, tmp_path_factory.mktemp("pacs") / "orthanc"):
        for study in (1, 2, 3):
            for number in range(5):
                made.put(ct(study, number, 512))
        yield made


class RunningOrthanc:
    """Orthanc's process for the time of a block."""

    def __init__(self, program: str, made: Orthanc, folder: Path) -> None:
        folder.mkdir()
        (folder / "orthanc.json").write_text(
            json.dumps(
                {
                    "StorageDirectory": str(folder), "IndexDirectory": str(folder), "HttpPort": made.http,
                    "DicomPort": made.dicom, "DicomAet": "ORTHANC", "RemoteAccessAllowed": False,
                    "AuthenticationEnabled": False, "Plugins": [str(PLUGIN)], "DicomWeb": {"Enable": True},
                    "DicomModalities": {"radloop": ["RADLOOP", "127.0.0.1", made.receiver]}, "DicomScuTimeout": 5,
                    "DicomAlwaysAllowFind": True, "DicomAlwaysAllowMove": True,
                }
            )
        )  # fmt: skip
        self._command, self._log = [program, str(folder / "orthanc.json")], (folder / "log").open("wb")
        self._url = f"http://127.0.0.1:{made.http}/system"

    def __enter__(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log)
        until(lambda: heard(self._url), 120, "Orthanc")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)
        self._log.close()


@dataclass
class Wire:
    """A TCP relay to a port: the next `cuts` connections end after `after` bytes, and all after `budget` together.

    The next `stalls` connections are taken, and nothing is ever heard of them.
    """

    target: int
    after: int = 200_000
    cuts: int = 0
    budget: int = 1 << 60
    stalls: int = 0
    port: int = 0
    seen: int = 0
    silent: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):  # closing alone would leave the port with the thread that waits for a caller
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            if self.stalls > 0:
                self.stalls -= 1
                self.silent.append(near)
                continue
            left = [self.after if self.cuts > 0 else 1 << 60]
            self.cuts, self.seen = self.cuts - 1, self.seen + 1
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink, left), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, left: list[int]) -> None:
        with suppress(OSError):
            while min(left[0], self.budget) > 0 and (content := source.recv(16384)):
                left[0] -= len(content)
                self.budget -= len(content)
                sink.sendall(content)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@dataclass
class Front:
    """A proxy before an HTTP server that speaks TLS and hears those alone who show a certificate."""

    target: int
    tls: ssl.SSLContext

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with suppress(OSError):
            secure, far = (
                self.tls.wrap_socket(near, server_side=True),
                socket.create_connection(("127.0.0.1", self.target)),
            )
            threading.Thread(target=self._pump, args=(far, secure), daemon=True).start()
            self._pump(secure, far)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                sink.sendall(content)
        for end in (source, sink):
            with suppress(OSError):
                end.close()


@pytest.fixture
def front() -> Iterator[Callable[..., Front]]:
    """Make proxies that are closed in the end."""
    made: list[Front] = []

    def put(target: int, tls: ssl.SSLContext) -> Front:
        made.append(Front(target, tls))
        return made[-1]

    yield put
    for one in made:
        one.close()


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    """Make relays that are closed in the end."""
    made: list[Wire] = []

    def lay(target: int, **kwargs: int) -> Wire:
        made.append(Wire(target, **kwargs))
        return made[-1]

    yield lay
    for one in made:
        one.close()


@dataclass
class Listening:
    """`radloop receive` as a process of its own."""

    home: Path
    port: int
    process: subprocess.Popen[str] | None = None
    said: str = ""

    def start(self, **extra: str) -> None:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("RADLOOP_")}
        environment = {
            **inherited, **QUIET, "RADLOOP_HOME": str(self.home), "RADLOOP_PSEUDONYM_KEY": KEY,
            "RADLOOP_SPOOL_RESERVE_MIB": "1", "PYTHONPATH": f"{PROJECT / 'src'}{os.pathsep}{PROJECT}", **extra,
        }  # fmt: skip
        command = [sys.executable, "-m", "radloop", "receive", "--port", str(self.port)]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        first = self.process.stderr.readline()
        assert "listens on 127.0.0.1" in first, first

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal; its exit code. What it said meanwhile is in `said`."""
        assert self.process is not None
        self.process.send_signal(number)
        self.said = self.process.communicate(timeout=120)[1]
        return self.process.returncode


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    """A receiver's process, not yet started, on a free port with a home of its own."""
    made = Listening(tmp_path / "home", free_port())
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


@dataclass(frozen=True)
class Sender:
    """DCMTK's storescu at work; it talks to a file, for a full pipe would make it wait with its association open."""

    process: subprocess.Popen[bytes]
    log: Path

    def finish(self) -> tuple[int, str]:
        """Its exit code and what it said, when it has ended."""
        return self.process.wait(), self.log.read_text()


@pytest.fixture
def storescu(tmp_path: Path) -> Callable[..., Sender]:
    """Send files with DCMTK."""
    program = shutil.which("storescu")
    if program is None:
        pytest.skip("needs Debian's package dcmtk")

    def send(port: int, files: list[Path]) -> Sender:
        command = [program, "-v", "-aec", "RADLOOP", "127.0.0.1", str(port), *map(str, files)]
        log = tmp_path / f"storescu-{time.monotonic_ns()}.log"
        with log.open("wb") as stream:
            return Sender(subprocess.Popen(command, stdout=stream, stderr=stream), log)

    return send


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    """Settings of an installation of its own."""
    return lambda **extra: Settings(
        home=tmp_path / "own", pseudonym_key=KEY, spool_reserve_mib=1, project=PROJECT, **extra
    )
