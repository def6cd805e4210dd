"""The receiver answers each sender rightly: success when it is safe, and a clear status where it is not."""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError
from radloop.sources.c_store import Receiver
from radloop.sources.callers import parse_callers
from radloop.sources.exposition import exposition
from radloop.sources.spool import CONFLICT, Spool
from radloop.sources.wire import Instance

SliceOf = Callable[..., Instance]
CT, SR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.11"
VERIFICATION = "1.2.840.10008.1.1"
JPEG_2000 = "1.2.840.10008.1.2.4.90"


@pytest.fixture
def receiver(spool: Spool) -> Iterator[tuple[Receiver, int]]:
    """A receiver on a free port of loopback."""
    made = Receiver(spool, "RADLOOP", associations=2)
    yield made, made.start("127.0.0.1", 0)
    made.stop(grace=0)


def associate(port: int, called: str = "RADLOOP", caller: str = "SENDER") -> Association:
    """Associate as a modality would."""
    entity = AE(caller)
    for syntax in ("1.2.840.10008.1.2.1", JPEG_2000):
        entity.add_requested_context(CT, syntax)
    entity.add_requested_context(SR)
    entity.add_requested_context(VERIFICATION)
    return entity.associate("127.0.0.1", port, ae_title=called)


def sendable(instance: Instance) -> Dataset:
    return dcmread(io.BytesIO(instance.head + bytes(instance.dataset)))


def test_a_film_is_answered_with_success_and_its_bytes_are_the_senders(
    receiver: tuple[Receiver, int], spool: Spool, slice_of: SliceOf
) -> None:
    instance, association = slice_of(), associate(receiver[1])
    assert association.send_c_echo().Status == 0x0000
    assert association.send_c_store(sendable(instance)).Status == 0x0000
    assert association.send_c_store(sendable(instance)).Status == 0x0000
    association.release()
    [path] = (spool.folder / "studies").rglob("*.dcm")
    assert path.read_bytes() == instance.head + bytes(instance.dataset)
    assert receiver[0].progress().startswith("2 instances (1 stored, 1 duplicate, 0 quarantined)")


def test_other_bytes_under_a_known_uid_are_kept_and_counted(
    receiver: tuple[Receiver, int], spool: Spool, slice_of: SliceOf
) -> None:
    association = associate(receiver[1])
    statuses = [association.send_c_store(sendable(slice_of(seed=seed))).Status for seed in (0, 1)]
    association.release()
    assert statuses == [0, 0] and len(list((spool.folder / "quarantine" / CONFLICT).iterdir())) == 1
    assert "1 quarantined" in receiver[0].progress()


def test_compressed_pixels_are_taken_as_they_are(
    receiver: tuple[Receiver, int], spool: Spool, slice_of: SliceOf
) -> None:
    film = sendable(slice_of())
    film.file_meta.TransferSyntaxUID = JPEG_2000
    film.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\x04\0\0\0\xff\x4f\xff\x51"
    film["PixelData"].VR, film["PixelData"].is_undefined_length = "OB", True
    association = associate(receiver[1])
    assert association.send_c_store(film).Status == 0x0000
    association.release()
    [path] = (spool.folder / "studies").rglob("*.dcm")
    kept = dcmread(path)
    assert kept.file_meta.TransferSyntaxUID == JPEG_2000 and kept.PixelData == film.PixelData


def test_what_is_no_image_is_taken_too(receiver: tuple[Receiver, int], spool: Spool, slice_of: SliceOf) -> None:
    report = sendable(slice_of())
    report.SOPClassUID = SR
    association = associate(receiver[1])
    assert association.send_c_store(report).Status == 0x0000
    association.release()
    assert spool.has("1.2.3.1")


def test_an_instance_without_a_study_is_refused_by_status(
    receiver: tuple[Receiver, int], spool: Spool, slice_of: SliceOf
) -> None:
    film = sendable(slice_of())
    film.StudyInstanceUID = ""
    association = associate(receiver[1])
    assert association.send_c_store(film).Status == 0xC000
    association.release()
    assert "1 refused: no_StudyInstanceUID" in receiver[0].progress() and not spool.has("1.2.3.1")


def test_a_full_disk_is_told_as_out_of_resources_and_nothing_is_kept(
    tmp_path: Path, pseudonyms: Pseudonyms, slice_of: SliceOf, caplog: pytest.LogCaptureFixture
) -> None:
    with Spool(tmp_path / "full", pseudonyms, reserve=1 << 60) as full:
        receiver = Receiver(full, "RADLOOP")
        association = associate(receiver.start("127.0.0.1", 0))
        for _ in range(2):
            assert association.send_c_store(sendable(slice_of())).Status == 0xA700
        association.release()
        [record] = caplog.records
        assert "refused with A700: the spool's disk is down to its watermark" in record.getMessage()
        receiver.stop(grace=1)
        assert "2 refused: out of resources" in receiver.progress()
        assert list(full.folder.rglob("*.dcm")) == list((full.folder / "incoming").iterdir()) == []


def test_a_wrong_title_and_a_stranger_are_turned_away_and_told_once(
    tmp_path: Path, pseudonyms: Pseudonyms, caplog: pytest.LogCaptureFixture
) -> None:
    with Spool(tmp_path / "s", pseudonyms) as spool:
        receiver = Receiver(spool, "RADLOOP", callers=parse_callers("SENDER"))
        port = receiver.start("127.0.0.1", 0)
        assert associate(port, called="ANOTHER").is_rejected and associate(port, caller="STRANGER").is_rejected
        assert associate(port, caller="STRANGER").is_rejected
        welcome = associate(port)
        assert welcome.is_established
        welcome.release()
        receiver.stop(grace=1)
        assert "3 associations refused" in receiver.progress()
        assert [record.getMessage() for record in caplog.records] == [
            "refused an association: it calls 'ANOTHER', and this is 'RADLOOP' (from 'SENDER' at 127.0.0.1)",
            "refused an association: it is not in RADLOOP_DICOM_CALLERS (from 'STRANGER' at 127.0.0.1)",
        ]


def test_more_senders_than_allowed_wait_their_turn(
    receiver: tuple[Receiver, int], caplog: pytest.LogCaptureFixture
) -> None:
    served = [associate(receiver[1]) for _ in range(2)]
    assert all(one.is_established for one in served) and associate(receiver[1]).is_rejected
    assert "too many at a time" in caplog.text
    served.pop().release()
    assert associate(receiver[1]).is_established


def test_no_line_and_no_log_names_anybody(
    receiver: tuple[Receiver, int], slice_of: SliceOf, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    association = associate(receiver[1])
    broken = sendable(slice_of())
    broken.StudyInstanceUID = ""
    for film in (sendable(slice_of()), sendable(slice_of(seed=1)), broken):
        association.send_c_store(film)
    association.release()
    said = receiver[0].progress() + caplog.text
    assert [word for word in ("Zanzibar", "MRN-4711", "1.2.3.1", "SENDER") if word in said] == []


def test_counts_are_told_as_prometheus_reads_them(
    receiver: tuple[Receiver, int], spool: Spool, slice_of: SliceOf
) -> None:
    before = exposition(receiver[0])
    assert 'radloop_receiver_instances_total{landing="stored"} 0' in before
    assert "radloop_receiver_last_instance_timestamp_seconds 0" in before
    association, broken = associate(receiver[1]), sendable(slice_of())
    broken.StudyInstanceUID = ""
    for film in (sendable(slice_of()), sendable(slice_of()), broken):
        association.send_c_store(film)
    told = exposition(receiver[0])
    association.release()
    line = re.compile(r'[a-z_]+(\{[a-z]+="[^"\\\n]+"\})? \d+|# TYPE [a-z_]+ (counter|gauge)')
    assert [text for text in told.splitlines() if not line.fullmatch(text)] == []
    samples = dict(text.rsplit(" ", 1) for text in told.splitlines() if not text.startswith("#"))
    assert samples['radloop_receiver_instances_total{landing="stored"}'] == "1"
    assert samples['radloop_receiver_instances_total{landing="duplicate"}'] == "1"
    assert samples['radloop_receiver_refusals_total{reason="refused: no_StudyInstanceUID"}'] == "1"
    assert samples["radloop_receiver_associations"] == "1"
    assert time.time() - int(samples["radloop_receiver_last_instance_timestamp_seconds"]) < 60
    assert int(samples["radloop_spool_free_bytes"]) > 0
    assert [word for word in ("Zanzibar", "MRN-4711", "1.2.3", "SENDER") if word in told] == []


def test_a_port_that_is_taken_is_told(receiver: tuple[Receiver, int], spool: Spool) -> None:
    with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{receiver[1]}"):
        Receiver(spool, "RADLOOP").start("127.0.0.1", receiver[1])
