"""The installation's door to a PACS: receive until told to stop, and retrieve what a query finds."""

from __future__ import annotations

import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from radloop.dicom.pseudonyms import open_pseudonyms
from radloop.errors import ConfigurationError, RadloopError
from radloop.settings import Settings
from radloop.sources.association import echo, echo_own
from radloop.sources.c_store import Receiver
from radloop.sources.callers import parse_callers
from radloop.sources.release import release
from radloop.sources.retrieval import Patience, Retrieved, parse_address
from radloop.sources.spool import MIB, Spool
from radloop.sources.studies import studies
from radloop.sources.tls import tls_of

EVERY = 10.0  # seconds between two lines of progress


@contextmanager
def open_spool(settings: Settings) -> Iterator[Spool]:
    """The installation's spool. Raises ServiceUnavailable where it cannot be made."""
    with Spool(settings.spool, open_pseudonyms(settings), settings.spool_reserve_mib * MIB) as spool:
        yield spool


def make_receiver(settings: Settings, spool: Spool) -> Receiver:
    """A receiver with the installation's rules, not yet listening.

    Raises ConfigurationError where a rule cannot be read, or nothing but the network would say who may send.
    """
    callers = parse_callers(settings.dicom_callers)
    if not (callers or settings.dicom_tls or _is_loopback(settings.dicom_host)):
        raise ConfigurationError(
            f"a receiver at {settings.dicom_host} would take studies from anybody",
            "name who may send in RADLOOP_DICOM_CALLERS, or set RADLOOP_DICOM_TLS",
        )
    tls = tls_of(settings).server() if settings.dicom_tls else None
    return Receiver(spool, settings.dicom_ae_title, callers, settings.dicom_associations, tls)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (bool(re.fullmatch(r"[0-9.]+|[0-9a-fA-F:]+", host)) and ip_address(host).is_loopback)


def release_admitted(settings: Settings, use_case: str) -> int:
    """Remove from the spool what the snapshot of `use_case` has admitted; how many instances that was.

    Raises ConfigurationError where there is no snapshot.
    """
    from radloop.catalog import read_catalog
    from radloop.workspace import Workspace

    if not settings.spool.is_dir():
        return 0
    stored = read_catalog(Workspace(settings).snapshot_folder(use_case))["instance_uid"]
    pseudonyms = open_pseudonyms(settings)
    # a profile that retains UIDs stores them as they came, and a claim's name is keyed always
    admitted = set(map(pseudonyms.uid, stored) if pseudonyms.profile.knobs.retain_uids else stored)
    return release(settings.spool, admitted, settings.spool_quiet_seconds)


def describe_spool(settings: Settings) -> list[str]:
    """Lines that count what lies in the spool, and name nobody."""
    if not settings.spool.is_dir():
        return ["there is no spool yet"]
    kinds = Counter[str]()
    for study in studies(settings.spool, settings.spool_quiet_seconds):
        kinds.update({f"studies {study.completeness}": 1, "instances": len(study.files)})
    for path in (settings.spool / "quarantine").glob("*/*"):
        kinds[f"quarantined: {path.parent.name}"] += 1
    return [f"{count:8} {kind}" for kind, count in sorted(kinds.items())] or ["the spool is empty"]


def receive(settings: Settings, say: Callable[[str], None]) -> None:
    """Receive by C-STORE until SIGTERM or SIGINT, and say from time to time what has come.

    Raises ConfigurationError where the port cannot be had or as `make_receiver` does, ServiceUnavailable where the
    spool cannot be written.
    """
    told_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told_to_stop.set())
    with open_spool(settings) as spool:
        receiver = make_receiver(settings, spool)
        bound = receiver.start(settings.dicom_host, settings.dicom_port)
        say(f"{settings.dicom_ae_title} listens on {settings.dicom_host}:{bound}{' with TLS' * settings.dicom_tls}")
        _tell(receiver, told_to_stop, say)
        receiver.stop()
        say(f"stopped: {receiver.progress()}")


def ask_echo(settings: Settings, address: str | None) -> str:
    """Ask C-ECHO of the PACS at an address, or of our own receiver; who answered.

    Raises ServiceUnavailable where nobody answers, ConfigurationError where the address, the PACS or TLS says no.
    """
    if address is None:
        asked = echo_own(settings)
    else:
        asked = parse_address(address)
        if asked.web:
            raise ConfigurationError("C-ECHO is no part of DICOMweb", "write dicom://TITLE@host:port")
        echo(asked, settings.dicom_ae_title, tls_of(settings).client() if asked.secure else None)
    return f"{asked.title} at {asked.host}:{asked.port} answers"


def retrieve(settings: Settings, address: str, patience: Patience | None = None) -> Retrieved:
    """Retrieve into the spool what the query of `address` finds, by DICOMweb or by C-FIND and C-MOVE.

    What has landed before is not fetched again. For C-MOVE the installation's receiver is used where it listens, else
    one for the time being. Raises ServiceUnavailable where something did not come, ConfigurationError
    where the address or the PACS says no.
    """
    from radloop.sources.dicomweb import retrieve_dicomweb
    from radloop.sources.query_retrieve import retrieve_moved

    wanted = parse_address(address)
    tls = tls_of(settings).client() if wanted.secure else None
    with open_spool(settings) as spool:
        if wanted.web:
            secret = settings.dicomweb_authorization
            return retrieve_dicomweb(wanted, spool, secret.get_secret_value() if secret else None, patience, tls)
        with _receiving(settings, spool):
            return retrieve_moved(wanted, spool, settings.dicom_ae_title, patience, tls)


@contextmanager
def _receiving(settings: Settings, spool: Spool) -> Iterator[None]:
    receiver = make_receiver(settings, spool)
    try:
        receiver.start(settings.dicom_host, settings.dicom_port)
    except ConfigurationError as taken:
        try:
            echo_own(settings)
        except RadloopError:
            raise taken from None  # somebody else has the port
        yield
        return
    try:
        yield
    finally:
        receiver.stop()


def _tell(receiver: Receiver, told_to_stop: threading.Event, say: Callable[[str], None]) -> None:
    """A line whenever something came or was refused since the last one."""
    before = receiver.taken()
    while not told_to_stop.wait(EVERY):
        if receiver.taken() != before:
            before = receiver.taken()
            say(receiver.progress())
