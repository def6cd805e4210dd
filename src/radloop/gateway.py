"""The installation's door to a PACS: receive until told to stop, and retrieve what a query finds."""

from __future__ import annotations

import logging
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

from radloop.dicom.pseudonyms import open_pseudonyms
from radloop.errors import ConfigurationError, RadloopError, ServiceUnavailable
from radloop.files import write_text
from radloop.settings import Settings
from radloop.sources.association import echo, echo_own
from radloop.sources.c_store import Receiver
from radloop.sources.callers import parse_callers
from radloop.sources.exposition import exposition
from radloop.sources.release import release
from radloop.sources.retrieval import Address, Patience, Retrieved, parse_address
from radloop.sources.spool import MIB, Spool
from radloop.sources.studies import Completeness, studies, study_uid
from radloop.sources.tls import tls_of

if TYPE_CHECKING:
    from radloop.sources.dicomweb import DicomWeb
    from radloop.sources.query_retrieve import Pacs

log = logging.getLogger("radloop.gateway")
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
    tls = tls_of(settings) if settings.dicom_tls else None
    return Receiver(spool, settings.dicom_ae_title, callers, settings.dicom_associations, tls)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (bool(re.fullmatch(r"[0-9.]+|[0-9a-fA-F:]+", host)) and ip_address(host).is_loopback)


def release_admitted(settings: Settings, use_case: str, committed: bool = False) -> int:
    """Remove from the spool what the snapshot of `use_case` has admitted; how many instances that was.

    What a sender was told is safe (Storage Commitment) stays unless `committed`.

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
    return release(settings.spool, admitted, settings.spool_quiet_seconds, committed)


def is_anything_complete(settings: Settings) -> bool:
    """Whether the spool holds a study that need not be waited for."""
    found = studies(settings.spool, settings.spool_quiet_seconds)
    complete = any(study.completeness is not Completeness.ARRIVING for study in found)
    if not complete:
        log.warning("no study of the spool is complete; %d still arriving", len(found))
    return complete


def describe_spool(settings: Settings) -> list[str]:
    """Lines that count what lies in the spool, and name nobody."""
    if not settings.spool.is_dir():
        return ["there is no spool yet"]
    kinds = Counter[str]()
    for study in studies(settings.spool, settings.spool_quiet_seconds):
        kinds.update({f"studies {study.completeness}": 1, "instances": len(study.files)})
        kinds["instances that a source has told of and that are not here"] += study.missing
    kinds["instances whose senders were told that they are safe"] = len(list((settings.spool / "committed").glob("*")))
    for path in (settings.spool / "quarantine").glob("*/*"):
        kinds[f"quarantined: {path.parent.name}"] += 1
    return [f"{count:8} {kind}" for kind, count in sorted((+kinds).items())] or ["the spool is empty"]


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
        _tell(settings, receiver, told_to_stop, say)
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
    from radloop.sources.dicomweb import DicomWeb, retrieve_dicomweb
    from radloop.sources.query_retrieve import retrieve_moved

    wanted = parse_address(address)
    with open_spool(settings) as spool, _open_pacs(settings, wanted) as pacs:
        if isinstance(pacs, DicomWeb):
            return retrieve_dicomweb(pacs, wanted.keys, spool, patience)
        with _receiving(settings, spool):
            return retrieve_moved(pacs, wanted.keys, spool, patience)


def count_arriving(settings: Settings) -> int:
    """Ask RADLOOP_DICOM_PACS how many instances each study of the spool has; of how many studies it told that.

    A sender by C-STORE tells no count, so without this such a study ends by time alone. Asked anew each time, because
    the PACS may be receiving still. Raises ConfigurationError where the address, the PACS or TLS says no; a PACS that
    is away is told in the log, for time ends a study as well.
    """
    if not settings.dicom_pacs or not settings.spool.is_dir():
        return 0
    told = 0
    with open_spool(settings) as spool, _open_pacs(settings, parse_address(settings.dicom_pacs)) as pacs:
        try:
            for uid in filter(None, map(study_uid, studies(settings.spool, settings.spool_quiet_seconds))):
                counts = [study.instances for study in pacs.studies({"StudyInstanceUID": uid}) if study.uid == uid]
                if counts and counts[0]:
                    spool.expect(uid, counts[0])
                    told += 1
        except ServiceUnavailable as away:
            log.warning("no more counts of studies: %s", away.message)
    return told


@contextmanager
def _open_pacs(settings: Settings, address: Address) -> Iterator[DicomWeb | Pacs]:
    """A PACS as this installation asks it."""
    from radloop.sources.dicomweb import DicomWeb
    from radloop.sources.query_retrieve import Pacs

    tls = tls_of(settings).client() if address.secure else None
    if not address.web:
        yield Pacs(address, settings.dicom_ae_title, tls)
        return
    secret = settings.dicomweb_authorization
    if secret and not address.secure and not _is_loopback(address.host):
        log.warning("the authorization goes over the network in the clear: ask the PACS for https://")
    with DicomWeb(address.base, secret.get_secret_value() if secret else None, tls) as web:
        yield web


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


def _tell(settings: Settings, receiver: Receiver, told_to_stop: threading.Event, say: Callable[[str], None]) -> None:
    """A line whenever something came or was refused since the last one, and the file of counts each time."""
    before, counts = receiver.taken(), settings.root / "run" / "receiver.prom"
    while True:
        with suppress(OSError, ConfigurationError):  # a full disk must not end what tells of it
            write_text(counts, exposition(receiver))
        if told_to_stop.wait(EVERY):
            break
        if receiver.taken() != before:
            before = receiver.taken()
            say(receiver.progress())
    counts.unlink(missing_ok=True)  # or a monitor would take it for one that lives
