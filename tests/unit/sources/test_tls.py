"""With TLS both sides show a certificate, the host is who it says, and a failure is told as one."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

from radloop.errors import ConfigurationError, RadloopError, ServiceUnavailable
from radloop.settings import Settings
from radloop.sources.association import echo, echo_own
from radloop.sources.c_store import Receiver
from radloop.sources.callers import parse_callers
from radloop.sources.dicomweb import DicomWeb
from radloop.sources.exposition import exposition
from radloop.sources.query_retrieve import Pacs
from radloop.sources.retrieval import Address
from radloop.sources.spool import Spool
from radloop.sources.tls import Tls
from radloop.sources.wire import Instance

HOST = "127.0.0.1"
SliceOf = Callable[..., Instance]


def at(port: int, title: str = "RADLOOP", host: str = HOST) -> Address:
    return Address("dicoms", host, port, title, "", {})


@pytest.fixture
def receiver(spool: Spool, authority: Any) -> Iterator[tuple[Receiver, int]]:
    """A receiver with TLS on a free port of loopback."""
    made = Receiver(spool, "RADLOOP", tls=authority.machine("receiver"))
    yield made, made.start(HOST, 0)
    made.stop(grace=0)


def test_a_sender_with_a_good_certificate_is_heard(receiver: tuple[Receiver, int], authority: Any) -> None:
    echo(at(receiver[1]), "SENDER", authority.machine("sender").client())


def test_a_monitor_is_told_when_our_certificate_runs_out(receiver: tuple[Receiver, int]) -> None:
    [told] = re.findall(r"^radloop_receiver_certificate_expiry_timestamp_seconds (\d+)$", exposition(receiver[0]), re.M)
    assert 29 < (int(told) - time.time()) / 86400 <= 30


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("nobody", "certificate required"),
        ("a stranger", "unknown ca"),
        ("one that has run out", "certificate expired"),
    ],
)
def test_a_sender_without_a_good_certificate_is_told_so(
    receiver: tuple[Receiver, int], authority: Any, stranger: Any, who: str, said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    shown = {
        "nobody": Tls(), "a stranger": stranger.machine("intruder"),
        "one that has run out": authority.machine("old", days=-1),
    }[who]  # fmt: skip
    with pytest.raises(ConfigurationError, match=f"TLS with the PACS failed: .*{said}"):
        echo(at(receiver[1]), "SENDER", Tls(shown.certificate, shown.key, authority.ca).client())
    assert "TLS failed" in caplog.text


def test_a_receiver_with_tls_understands_nothing_else(receiver: tuple[Receiver, int], authority: Any) -> None:
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        echo(at(receiver[1]), "SENDER")
    echo(at(receiver[1]), "SENDER", authority.machine("sender").client())


def test_tls_1_1_is_refused(receiver: tuple[Receiver, int], authority: Any) -> None:
    old = authority.machine("sender").client()
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(RadloopError):
        echo(at(receiver[1]), "SENDER", old)


def test_a_caller_that_says_nothing_keeps_nobody_out(receiver: tuple[Receiver, int], authority: Any) -> None:
    with socket.create_connection((HOST, receiver[1])), socket.create_connection((HOST, receiver[1])) as half:
        half.sendall(b"\x16\x03\x01")
        echo(at(receiver[1]), "SENDER", authority.machine("sender").client())


def test_a_pacs_must_be_the_host_that_its_certificate_names(spool: Spool, authority: Any) -> None:
    elsewhere = Receiver(spool, "RADLOOP", tls=authority.machine("elsewhere", host="pacs.example"))
    port = elsewhere.start(HOST, 0)
    with pytest.raises(ConfigurationError, match="TLS with the PACS failed: certificate verify failed"):
        echo(at(port), "SENDER", authority.machine("sender").client())
    elsewhere.stop(grace=0)


def test_our_own_receiver_is_asked_by_its_number_whatever_its_certificate_names(spool: Spool, authority: Any) -> None:
    own = authority.machine("own", host="gateway.example")
    receiver = Receiver(spool, "RADLOOP", callers=parse_callers("CT1"), tls=own)
    port = receiver.start(HOST, 0)
    settings = Settings(
        dicom_host="0.0.0.0", dicom_port=port, dicom_tls=True, tls_certificate=own.certificate, tls_key=own.key,
        tls_ca=own.ca,
    )  # fmt: skip
    assert echo_own(settings).port == port
    receiver.stop(grace=0)
    with pytest.raises(ServiceUnavailable):
        echo_own(settings)


def test_dcmtk_sends_with_a_certificate_and_not_without(
    receiver: tuple[Receiver, int], authority: Any, spool: Spool, slice_of: SliceOf, tmp_path: Path
) -> None:
    if shutil.which("storescu") is None:
        pytest.skip("needs Debian's package dcmtk")
    instance, sender = slice_of(), authority.machine("modality")
    (tmp_path / "film.dcm").write_bytes(instance.head + bytes(instance.dataset))
    tail = ["-aec", "RADLOOP", HOST, str(receiver[1]), str(tmp_path / "film.dcm")]

    def send(*flags: str) -> int:
        return subprocess.run(["storescu", *flags, *tail], capture_output=True, timeout=60, check=False).returncode

    assert send() != 0 and send("+tla", "+cf", str(authority.ca)) != 0 and not spool.has("1.2.3.1")
    assert send("+tls", str(sender.key), str(sender.certificate), "+cf", str(authority.ca)) == 0
    assert spool.has("1.2.3.1")


@pytest.mark.parametrize("missing", ["certificate", "key", "ca"])
def test_a_receiver_without_one_of_its_files_does_not_start(authority: Any, missing: str) -> None:
    whole = authority.machine("own")
    parts = {name: None if name == missing else getattr(whole, name) for name in ("certificate", "key", "ca")}
    with pytest.raises(ConfigurationError, match="needs three files"):
        Tls(**parts).server()


def test_a_file_that_is_no_certificate_or_is_missing_is_told_without_its_content(
    authority: Any, tmp_path: Path
) -> None:
    own, wrong = authority.machine("own"), tmp_path / "wrong.pem"
    wrong.write_text("Zanzibar")
    for broken in (wrong, tmp_path / "missing.pem"):
        with pytest.raises(ConfigurationError, match="the TLS files cannot be used") as refusal:
            Tls(own.certificate, broken, own.ca).client()
        assert "Zanzibar" not in str(refusal.value)


def test_a_query_and_a_move_go_by_tls(authority: Any) -> None:
    entity = AE("PACS")
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelMove)
    server = entity.start_server(
        (HOST, 0), block=False, ssl_context=authority.machine("pacs").server(),
        evt_handlers=[(evt.EVT_C_FIND, lambda event: iter([(0x0000, None)]))],
    )  # fmt: skip
    address = at(server.server_address[1], "PACS")
    assert Pacs(address, "RADLOOP", authority.machine("own").client()).studies({}) == []
    with pytest.raises(ConfigurationError, match="TLS with the PACS failed"):
        Pacs(address, "RADLOOP", Tls(ca=authority.ca).client()).studies({})
    entity.shutdown()


class _Web(BaseHTTPRequestHandler):
    """A DICOMweb server that has nothing, and keeps what it was authorized with."""

    def do_GET(self) -> None:
        self.server.seen.append(self.headers["Authorization"])  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(HTTPServer):
    """One that says nothing of those whom it turns away."""

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Web)
        self.seen: list[str | None] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Go on."""


@pytest.fixture
def web(authority: Any) -> Iterator[HTTPServer]:
    """A DICOMweb server that asks for a certificate."""
    server = _Server()
    server.socket = authority.machine("web").server().wrap_socket(server.socket, server_side=True)
    server.socket.settimeout(None)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_dicomweb_shows_our_certificate_and_our_token(web: Any, authority: Any, stranger: Any) -> None:
    base = f"https://{HOST}:{web.server_port}/dicom-web"
    with DicomWeb(base, "Bearer t", authority.machine("own").client()) as client:
        assert client.studies({}) == [] and web.seen == ["Bearer t"]
    for tls in (Tls(ca=authority.ca), Tls(ca=stranger.ca)):
        with (
            DicomWeb(base, "Bearer t", tls.client()) as client,
            pytest.raises(ConfigurationError, match="TLS with the PACS failed"),
        ):
            client.studies({})
    assert web.seen == ["Bearer t"]
