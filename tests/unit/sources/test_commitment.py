"""A sender is told that an instance is safe where it was read back from the disk, and never otherwise."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from radloop.sources import commitment
from radloop.sources.c_store import Receiver
from radloop.sources.callers import Caller
from radloop.sources.release import release
from radloop.sources.retrieval import Patience
from radloop.sources.spool import Spool
from radloop.sources.studies import studies
from radloop.sources.wire import Instance

SliceOf = Callable[..., Instance]
CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
HOST = "127.0.0.1"


@dataclass
class Archive:
    """A PACS that asks for commitment, and hears the answer at a port of its own."""

    receiver: int
    answers: Queue[tuple[int, Dataset]] = field(default_factory=Queue)
    status: int = 0x0000

    def hear(self, tls: Any = None) -> int:
        entity = AE("PACS")
        entity.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
        handlers = [(evt.EVT_N_EVENT_REPORT, self._heard)]
        self._server = entity.start_server((HOST, 0), block=False, evt_handlers=handlers, ssl_context=tls)
        return int(self._server.server_address[1])

    def _heard(self, event: Any) -> tuple[int, None]:
        self.answers.put((event.event_type, event.event_information))
        return self.status, None

    def ask(self, *references: tuple[str, str], action: int = 1, title: str = "PACS", tls: Any = None) -> int:
        """The status of a request for instances, each with its class."""
        entity = AE(title)
        entity.add_requested_context(StorageCommitmentPushModel)
        association = entity.associate(HOST, self.receiver, ae_title="RADLOOP", tls_args=(tls, HOST) if tls else None)
        asked = Dataset()
        asked.TransactionUID = "1.2.3.99"
        asked.ReferencedSOPSequence = []
        for sop_class, uid in references:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
            asked.ReferencedSOPSequence.append(item)
        model = (StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
        status, _ = association.send_n_action(asked, action, *model)
        association.release()
        return int(status.Status)

    def answer(self) -> tuple[int, set[str], dict[str, int]]:
        """Event type, what is safe, and what is not with its reason."""
        event, told = self.answers.get(timeout=20)
        assert told.TransactionUID == "1.2.3.99"
        safe = {item.ReferencedSOPInstanceUID for item in told.get("ReferencedSOPSequence", [])}
        return event, safe, {i.ReferencedSOPInstanceUID: i.FailureReason for i in told.get("FailedSOPSequence", [])}

    def close(self) -> None:
        self._server.shutdown()


@pytest.fixture
def archive(spool: Spool) -> Iterator[Archive]:
    """An archive that the receiver knows by its place."""
    made = Archive(0)
    receiver = Receiver(spool, "RADLOOP", {"PACS": Caller("PACS", HOST, made.hear()), "CT1": Caller("CT1")})
    made.receiver = receiver.start(HOST, 0)
    yield made
    receiver.stop(grace=0)
    made.close()


def test_what_lies_on_the_disk_under_both_its_names_is_safe(archive: Archive, spool: Spool, slice_of: SliceOf) -> None:
    for uid in ("1.2.3.1", "1.2.3.2"):
        spool.land(slice_of(uid))
    assert archive.ask((CT, "1.2.3.1"), (CT, "1.2.3.2")) == 0x0000
    assert archive.answer() == (1, {"1.2.3.1", "1.2.3.2"}, {})


def test_what_did_not_come_or_is_of_another_class_is_not_safe_and_the_rest_is(
    archive: Archive, spool: Spool, slice_of: SliceOf
) -> None:
    for uid in ("1.2.3.1", "1.2.3.2"):
        spool.land(slice_of(uid))
    archive.ask((CT, "1.2.3.1"), (MR, "1.2.3.2"), (CT, "1.2.3.3"))
    assert archive.answer() == (2, {"1.2.3.1"}, {"1.2.3.2": 0x0119, "1.2.3.3": 0x0112})


@pytest.mark.parametrize("harm", ["cut", "changed", "unindexed", "gone"])
def test_what_was_harmed_on_the_disk_is_not_safe(archive: Archive, spool: Spool, slice_of: SliceOf, harm: str) -> None:
    spool.land(slice_of())
    [path] = (spool.folder / "studies").rglob("*.dcm")
    content = path.read_bytes()
    if harm in ("cut", "changed"):
        path.write_bytes(content[:-2] if harm == "cut" else content[:10] + b"X" + content[11:])
    elif harm == "unindexed":
        path.unlink()  # the claim alone is what a killed process leaves
    else:
        shutil.rmtree(path.parent)
        [claim] = (spool.folder / "instances").iterdir()
        claim.unlink()
    archive.ask((CT, "1.2.3.1"))
    assert archive.answer() == (2, set(), {"1.2.3.1": 0x0112})


def test_the_folders_are_on_the_disk_before_it_is_told(
    archive: Archive, spool: Spool, slice_of: SliceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.land(slice_of())
    synced: list[Path] = []
    real = os.fsync

    def noting(descriptor: int) -> None:
        assert archive.answers.empty()
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    archive.ask((CT, "1.2.3.1"))
    archive.answer()
    [study] = (spool.folder / "studies").iterdir()
    assert {spool.folder / "instances", study, study.parent, spool.folder / "committed"} <= set(synced)


def test_what_was_promised_is_released_only_when_a_person_says_so(
    archive: Archive, spool: Spool, slice_of: SliceOf
) -> None:
    spool.expect("1.2.3", 2)
    for uid in ("1.2.3.1", "1.2.3.2"):
        spool.land(slice_of(uid))
    archive.ask((CT, "1.2.3.1"))
    archive.answer()
    [study] = (spool.folder / "studies").iterdir()
    os.utime(study, (time.time() - 61,) * 2)
    admitted = {path.name for path in (spool.folder / "instances").iterdir()}
    assert release(spool.folder, admitted, 60) == 1
    assert [spool.has(uid) for uid in ("1.2.3.1", "1.2.3.2")] == [True, False]
    assert [study.missing for study in studies(spool.folder, 60)] == [0]
    os.utime(study, (time.time() - 61,) * 2)
    assert release(spool.folder, admitted, 60, committed=True) == 1
    assert list((spool.folder / "committed").iterdir()) == [] and not spool.has("1.2.3.1")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"title": "CT1"}, 0x0124),  # nobody told where it listens
        ({"action": 2}, 0x0123),
        ({"references": []}, 0x0115),
        ({"references": [(CT, "../../etc")]}, 0x0115),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused_at_once(
    archive: Archive, caplog: pytest.LogCaptureFixture, asked: dict[str, Any], status: int
) -> None:
    references = asked.pop("references", [(CT, "1.2.3.1")])
    assert archive.ask(*references, **asked) == status
    assert "storage commitment refused" in caplog.text and "1.2.3" not in caplog.text and "etc" not in caplog.text
    assert archive.answers.empty()


def test_an_archive_that_is_away_is_told_later_and_given_up_in_the_end(
    archive: Archive, spool: Spool, slice_of: SliceOf, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(commitment, "Patience", lambda: Patience(attempts=3, first=0.05))
    caplog.set_level(logging.WARNING)
    spool.land(slice_of())
    archive.status = 0x0110
    archive.ask((CT, "1.2.3.1"))
    assert [archive.answer()[0] for _ in range(3)] == [1, 1, 1]
    deadline = time.monotonic() + 20
    while "not answered" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    archive.status = 0x0000
    archive.ask((CT, "1.2.3.1"))
    assert archive.answer()[0] == 1 and "1.2.3.1" not in caplog.text


def test_a_commitment_is_asked_and_answered_by_tls(spool: Spool, slice_of: SliceOf, authority: Any) -> None:
    own, pacs = authority.machine("own"), authority.machine("pacs")
    archive = Archive(0)
    place = Caller("PACS", HOST, archive.hear(pacs.server()))
    receiver = Receiver(spool, "RADLOOP", {"PACS": place}, tls=own)
    archive.receiver = receiver.start(HOST, 0)
    spool.land(slice_of())
    assert archive.ask((CT, "1.2.3.1"), tls=pacs.client()) == 0x0000
    assert archive.answer() == (1, {"1.2.3.1"}, {})
    receiver.stop(grace=0)
    archive.close()
