"""A C-STORE receiver: every storage class, every transfer syntax, bytes as they come, answered when durable.

Source: DICOM PS3.4 annex B (storage), annex A (verification); statuses: PS3.4 B.2.3.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from radloop.errors import ConfigurationError, ServiceUnavailable, StudyRejected
from radloop.sources.callers import Caller
from radloop.sources.commitment import Commitments
from radloop.sources.spool import MIB, Landing, Spool
from radloop.sources.tls import Tls
from radloop.sources.wire import from_wire

log = logging.getLogger("radloop.receiver")
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)  # its tracebacks may quote a data set

SUCCESS, OUT_OF_RESOURCES, NOT_ITS_UID, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xA900, 0xC000
NOBODY: Mapping[str, Caller] = {}
LONGEST_PDU = 131072  # bytes; pynetdicom's own 16 KiB costs eight times as many turns of its loop
GRACE = 5.0  # seconds that senders have to end their associations when the receiver stops
DRAINED = 0.05
MOST_TOLD = (
    100  # different refusals that are told one by one; whoever knocks with more titles than that is only counted
)


class Receiver:
    """Listens on `host` and `port` from `start` to `stop`, and lands what comes in the spool.

    At most `associations` senders are served at a time; since each waits for its answer, that bounds what is in
    memory. `callers` are those who may send, anybody where it is empty; its own title is always heard, for that is how
    its health is asked. With `tls` nothing else is understood, and storage commitments are answered by TLS.
    """

    def __init__(
        self,
        spool: Spool,
        ae_title: str,
        callers: Mapping[str, Caller] = NOBODY,
        associations: int = 32,
        tls: Tls | None = None,
    ) -> None:
        self._spool, self.refused, self.last = spool, Counter[str](), 0.0
        self._full = False
        self._callers, self._told_of = callers, set[tuple[str, ...]]()
        self._tls = tls.server() if tls else None
        self.certified_until = tls.expires() if tls else None
        self.commitments = Commitments(spool, ae_title, callers, tls.client() if tls else None)
        self._counting = threading.Lock()
        self._told = (time.monotonic(), 0)
        self._entity = AE(ae_title)
        self._entity.maximum_pdu_size = LONGEST_PDU
        self._entity.maximum_associations = associations
        self._entity.require_called_aet = True
        self._entity.require_calling_aet = [*callers, ae_title] if callers else []
        self._entity.add_supported_context(Verification)
        self._entity.add_supported_context(StorageCommitmentPushModel)
        for context in AllStoragePresentationContexts:
            self._entity.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)

    def start(self, host: str, port: int) -> int:
        """Listen, and say on which port (another than `port` where that is 0).

        Raises ConfigurationError where the port cannot be had.
        """
        handlers = [
            (evt.EVT_C_STORE, self._store), (evt.EVT_REJECTED, self._rejected),
            (evt.EVT_N_ACTION, self.commitments.ask),
        ]  # fmt: skip
        try:
            self._server = self._entity.start_server(
                (host, port), block=False, evt_handlers=handlers, ssl_context=self._tls
            )
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {host}:{port}: {error.strerror}", "choose another with --port or RADLOOP_DICOM_PORT"
            ) from None
        self.commitments.start()
        return int(self._server.server_address[1])

    def stop(self, grace: float = GRACE) -> None:
        """Take no new association, let those under way end within `grace` seconds, then abort them.

        An instance that was not answered is its sender's still.
        """
        self._server.shutdown()
        self.commitments.stop()
        deadline = time.monotonic() + grace
        while self._server.active_associations and time.monotonic() < deadline:
            time.sleep(DRAINED)
        for association in self._server.active_associations:
            association.abort()

    def taken(self) -> int:
        """How many instances and associations have been answered, refused ones too."""
        return self._spool.counts.total() + self.refused.total()

    @property
    def landed(self) -> Counter[Landing]:
        """How many instances were taken, by what became of them."""
        return self._spool.counts

    def associations(self) -> int:
        """How many senders are there now."""
        return len(self._server.active_associations)

    def free(self) -> int:
        """Bytes that may still come."""
        return self._spool.free()

    def progress(self) -> str:
        """One line of counters, with the rate since the last one; it names nobody."""
        now, landed = time.monotonic(), self._spool.counts
        total = landed.total()
        rate = (total - self._told[1]) / max(now - self._told[0], 1e-9)
        self._told = (now, total)
        told = [f"{landed[landing]} {landing}" for landing in Landing]
        told += [f"{count} {reason}" for reason, count in sorted(self.refused.items())]
        return f"{total} instances ({', '.join(told)}), now {rate:.1f}/s, {self._spool.free() / MIB:.0f} MiB left"

    def _store(self, event: Event) -> int:
        try:
            instance = from_wire(event.request.DataSet.getbuffer(), str(event.context.transfer_syntax))
            if instance.uid != str(event.request.AffectedSOPInstanceUID).strip(" \0"):
                return self._refuse("refused: UID differs from its command", NOT_ITS_UID)
            self._spool.land(instance)
            self.last, self._full = time.time(), False
        except StudyRejected as refusal:
            return self._refuse(f"refused: {refusal.reason}", CANNOT_UNDERSTAND)
        except ServiceUnavailable as full:
            if not self._full:  # once, until something fits again
                log.error("refused with A700: %s", full)
            self._full = True
            return self._refuse("refused: out of resources", OUT_OF_RESOURCES)
        return SUCCESS

    def _rejected(self, event: Event) -> None:
        """Tell each refusal once: a title and an address are a machine's, and without them nobody can mend it."""
        requestor = event.assoc.requestor
        title, host = str(requestor.ae_title).strip(), str(requestor.address)
        told = (self._why(title, str(requestor.primitive.called_ae_title).strip()), title, host)
        if told not in self._told_of and len(self._told_of) < MOST_TOLD:
            self._told_of.add(told)
            log.warning("refused an association: %s (from %r at %s)", *told)
        self._refuse("associations refused", SUCCESS)

    def _why(self, calling: str, called: str) -> str:
        if called != self._entity.ae_title:
            return f"it calls {called!r}, and this is {self._entity.ae_title!r}"
        known = not self._callers or calling in (*self._callers, self._entity.ae_title)
        return "too many at a time; see RADLOOP_DICOM_ASSOCIATIONS" if known else "it is not in RADLOOP_DICOM_CALLERS"

    def _refuse(self, reason: str, status: int) -> int:
        with self._counting:
            self.refused[reason] += 1
        return status
