"""Storage Commitment as provider: say of instances that they are safe, after reading them back from the disk.

The answer goes to a new association, as most requestors want it, to the place that the settings tell for their title.
What was promised is marked in the spool, and is not released before a person says so.
Source: DICOM PS3.4 annex J (service, J.3.2.1.2 action, J.3.3.1.1 event), PS3.3 C.14.1.1 (failure reasons).
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from queue import Full, Queue

from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.events import Event
from pynetdicom.presentation import build_role
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from radloop.errors import ConfigurationError, RadloopError, ServiceUnavailable
from radloop.sources.association import SUCCESS, associated
from radloop.sources.callers import Caller
from radloop.sources.retrieval import Address, Patience
from radloop.sources.spool import Spool
from radloop.sources.tls import Context
from radloop.sources.wire import is_uid

log = logging.getLogger("radloop.commitment")
REQUEST, ALL_SAFE, SOME_NOT = 1, 1, 2
NO_SUCH_INSTANCE, BAD_ARGUMENT, OTHER_CLASS, NO_SUCH_ACTION = 0x0112, 0x0115, 0x0119, 0x0123
NOT_AUTHORIZED, BUSY = 0x0124, 0x0213
LONGEST_QUEUE = 64  # requests; each waits until all its instances were read back


@dataclass(frozen=True)
class _Request:
    caller: Caller
    transaction: str
    references: tuple[tuple[str, str], ...]  # SOP class and instance


class Commitments:
    """What senders ask of instances that they have sent, answered one after the other by a thread of its own.

    A request that is under way when the process ends is not answered: whoever asked asks again.
    """

    def __init__(self, spool: Spool, title: str, callers: Mapping[str, Caller], tls: Context | None = None) -> None:
        self._spool, self._callers, self._tls = spool, callers, tls
        self._entity = AE(title)
        self._entity.add_requested_context(StorageCommitmentPushModel)
        self._requests: Queue[_Request | None] = Queue(LONGEST_QUEUE)
        self.counts = Counter[str]()

    def start(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self._work, name="commitments", daemon=True).start()

    def stop(self) -> None:
        """Answer what has been asked and nothing more; the process need not wait for it."""
        with suppress(Full):
            self._requests.put_nowait(None)

    def ask(self, event: Event) -> tuple[int, None]:
        """Take a request (N-ACTION); its status says whether there will be an answer."""
        caller = self._callers.get(str(event.assoc.requestor.ae_title).strip())
        if event.action_type != REQUEST:
            return self._refuse("an action that is not known", NO_SUCH_ACTION)
        if caller is None or not caller.port:
            return self._refuse("nobody told where to answer; see RADLOOP_DICOM_CALLERS", NOT_AUTHORIZED)
        request = _read(caller, event)
        if request is None:
            return self._refuse("a request that cannot be read", BAD_ARGUMENT)
        try:
            self._requests.put_nowait(request)
        except Full:
            return self._refuse("too many requests at a time", BUSY)
        return SUCCESS, None

    def _refuse(self, reason: str, status: int) -> tuple[int, None]:
        self.counts["refused"] += 1
        log.warning("storage commitment refused: %s", reason)
        return status, None

    def _work(self) -> None:
        while (request := self._requests.get()) is not None:
            try:
                caller, (event, told) = request.caller, self._judge(request)
                Patience().call(partial(self._report, caller, event, told))
            except RadloopError as failure:
                self.counts["unanswered"] += 1
                log.warning("storage commitment not answered: %s", failure)

    def _judge(self, request: _Request) -> tuple[int, Dataset]:
        """Event type and information: what is safe, and what is not with the reason."""
        failed = {reference: self._failure(*reference) for reference in request.references}
        kept = [reference for reference, reason in failed.items() if not reason]
        self._spool.promise([uid for _, uid in kept])
        self.counts.update({"instances safe": len(kept), "instances not safe": len(failed) - len(kept)})
        told = Dataset()
        told.TransactionUID = request.transaction
        if kept:
            told.ReferencedSOPSequence = [_item(*reference) for reference in kept]
        if len(kept) == len(failed):
            return ALL_SAFE, told
        told.FailedSOPSequence = [_item(*reference, reason) for reference, reason in failed.items() if reason]
        return SOME_NOT, told

    def _failure(self, sop_class: str, uid: str) -> int:
        instance = self._spool.read_back(uid)
        if instance is None:
            return NO_SUCH_INSTANCE
        return OTHER_CLASS if instance.sop_class != sop_class else SUCCESS

    def _report(self, caller: Caller, event: int, told: Dataset) -> None:
        """Tell the caller (N-EVENT-REPORT). Raises ServiceUnavailable where it was not taken."""
        address = Address("dicom", caller.host, caller.port, caller.title, "", {})
        provider = build_role(StorageCommitmentPushModel, scp_role=True)
        with associated(self._entity, address, self._tls, [provider]) as association:
            if not association.accepted_contexts:
                raise ConfigurationError(f"{caller.title} takes no storage commitment", "ask who runs it")
            status, _ = association.send_n_event_report(
                told, event, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
            )
        if not status or status.Status != SUCCESS:
            raise ServiceUnavailable(f"{caller.title} did not take the answer.", "it will ask again")


def _read(caller: Caller, event: Event) -> _Request | None:
    try:
        asked = event.action_information
        references = [(str(row.ReferencedSOPClassUID), str(row.ReferencedSOPInstanceUID)) for row in asked[0x00081199]]
        transaction = str(asked.TransactionUID)
    except Exception:  # a parser of foreign bytes fails in any way, and its message may quote a value
        return None
    uids = [transaction, *chain.from_iterable(references)]
    return _Request(caller, transaction, tuple(references)) if references and all(map(is_uid, uids)) else None


def _item(sop_class: str, uid: str, reason: int = 0) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    if reason:
        item.FailureReason = reason
    return item
