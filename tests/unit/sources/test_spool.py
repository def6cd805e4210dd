"""The spool keeps every distinct instance once, whatever comes twice, comes different, or dies."""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import signal
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ServiceUnavailable
from radloop.files import sha256_file
from radloop.sources import spool as spool_module
from radloop.sources.spool import CONFLICT, Landing, Spool
from radloop.sources.wire import Instance

SliceOf = Callable[..., Instance]


def stored(spool: Spool) -> set[str]:
    """Hashes of what lies in the studies, each found to be that of its file."""
    files = list((spool.folder / "studies").rglob("*.dcm"))
    assert [path for path in files if sha256_file(path) != path.stem] == []
    assert [path for path in files if path.stat().st_nlink != 2] == []
    return {path.stem for path in files}


def test_an_instance_is_stored_unchanged_under_its_content(spool: Spool, slice_of: SliceOf) -> None:
    instance = slice_of()
    assert spool.land(instance) is Landing.STORED
    [path] = (spool.folder / "studies").rglob("*.dcm")
    assert path.read_bytes() == instance.head + bytes(instance.dataset)
    assert path.stem == instance.sha256 and spool.has("1.2.3.1") and not spool.has("1.2.3.2")


def test_nobody_but_the_owner_may_look_and_no_name_tells_a_uid(spool: Spool, slice_of: SliceOf) -> None:
    spool.land(slice_of("1.2.3.77", "1.2.3"))
    spool.expect("1.2.3", 4)
    paths = [spool.folder, *spool.folder.rglob("*")]
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700
    assert [p for p in paths if p.is_dir() and stat.S_IMODE(p.stat().st_mode) != 0o700] == []
    assert [p for p in paths if p.suffix == ".dcm" and stat.S_IMODE(p.stat().st_mode) != 0o600] == []
    assert [p for p in paths if "1.2.3" in p.name] == []


def test_the_same_bytes_again_are_a_success_and_stored_once(spool: Spool, slice_of: SliceOf) -> None:
    assert [spool.land(slice_of()) for _ in range(3)] == [Landing.STORED, Landing.DUPLICATE, Landing.DUPLICATE]
    assert len(stored(spool)) == 1 and list((spool.folder / "incoming").iterdir()) == []


@pytest.mark.parametrize("study", ["1.2.3", "1.2.99"])
def test_other_bytes_under_a_uid_are_quarantined_and_logged_without_it(
    spool: Spool, slice_of: SliceOf, caplog: pytest.LogCaptureFixture, study: str
) -> None:
    first, other = slice_of("1.2.3.77"), slice_of("1.2.3.77", study, seed=1)
    landings = [spool.land(instance) for instance in (first, other, other, first)]
    assert landings == [Landing.STORED, Landing.QUARANTINED, Landing.DUPLICATE, Landing.DUPLICATE]
    [aside] = (spool.folder / "quarantine" / CONFLICT).iterdir()
    assert aside.read_bytes() == other.head + bytes(other.dataset)
    assert stored(spool) == {first.sha256}
    assert caplog.text.count(CONFLICT) == 1 and "1.2.3.77" not in caplog.text


def test_four_senders_in_random_order_leave_exactly_the_distinct_set(spool: Spool, slice_of: SliceOf) -> None:
    distinct = [slice_of(f"1.2.{study}.{n}", f"1.2.{study}") for study in range(8) for n in range(44)]
    dice = random.Random(5)
    sent = distinct + dice.choices(distinct, k=150)
    dice.shuffle(sent)
    with ThreadPoolExecutor(4) as senders:
        landings = Counter(senders.map(spool.land, sent))
    assert landings == {Landing.STORED: 352, Landing.DUPLICATE: 150} == spool.counts
    assert stored(spool) == {instance.sha256 for instance in distinct}


def test_two_processes_agree_on_who_was_first(tmp_path: Path, pseudonyms: Pseudonyms, slice_of: SliceOf) -> None:
    with Spool(tmp_path / "s", pseudonyms) as one, Spool(tmp_path / "s", pseudonyms) as other:
        assert one.land(slice_of()) is Landing.STORED and other.land(slice_of()) is Landing.DUPLICATE
        assert other.land(slice_of(seed=1)) is Landing.QUARANTINED


def test_many_waiters_share_one_sync_and_none_is_answered_before_it(
    spool: Spool, slice_of: SliceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, real = [], spool_module.sync_folder
    first, go_on = threading.Event(), threading.Event()

    def slow(folder: Path) -> None:
        first.set()
        go_on.wait(10)
        synced.append(folder.name)
        real(folder)

    monkeypatch.setattr(spool_module, "sync_folder", slow)
    with ThreadPoolExecutor(12) as senders:
        landings = [senders.submit(spool.land, slice_of(f"1.2.3.{n}")) for n in range(12)]
        assert first.wait(10)
        while len(spool._waiting) < 11:
            time.sleep(0.005)
        assert not any(landing.done() for landing in landings)
        go_on.set()
        assert {landing.result() for landing in landings} == {Landing.STORED}
    assert synced.count("instances") == 2


def test_a_disk_that_fails_to_sync_answers_nobody_and_the_next_try_is_a_duplicate(
    spool: Spool, slice_of: SliceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(spool_module, "sync_folder", broken)
        with pytest.raises(ServiceUnavailable, match="Input/output error"):
            spool.land(slice_of())
    assert spool.counts.total() == 0
    assert spool.land(slice_of()) is Landing.DUPLICATE and len(stored(spool)) == 1


def test_at_the_watermark_nothing_more_is_taken(tmp_path: Path, pseudonyms: Pseudonyms, slice_of: SliceOf) -> None:
    with (
        Spool(tmp_path / "s", pseudonyms, reserve=1 << 60) as full,
        pytest.raises(ServiceUnavailable, match="watermark"),
    ):
        full.land(slice_of())
    assert stored(full) == set() and list((full.folder / "incoming").iterdir()) == []


@pytest.mark.parametrize("died", ["written", "claimed", "unclaimed"])
def test_what_a_killed_process_left_is_completed_by_the_next(
    tmp_path: Path, pseudonyms: Pseudonyms, slice_of: SliceOf, died: str
) -> None:
    with Spool(tmp_path / "s", pseudonyms) as spool:
        spool.land(slice_of())
    [path] = (spool.folder / "studies").rglob("*.dcm")
    [claim] = (spool.folder / "instances").iterdir()
    if died == "written":
        path.rename(spool.folder / "incoming" / "x.part")
        claim.unlink()
    elif died == "claimed":
        path.rename(spool.folder / "incoming" / "x.part")
    else:
        claim.unlink()
    with Spool(tmp_path / "s", pseudonyms) as again:
        assert list((again.folder / "incoming").iterdir()) == []
        kept = 0 if died == "written" else 1
        assert len(stored(again)) == kept and again.has("1.2.3.1") == bool(kept)
        assert again.land(slice_of()) is (Landing.DUPLICATE if kept else Landing.STORED)


def test_a_claim_without_its_name_is_healed_by_the_same_bytes(spool: Spool, slice_of: SliceOf) -> None:
    spool.land(slice_of())
    [path] = (spool.folder / "studies").rglob("*.dcm")
    path.unlink()
    assert not spool.has("1.2.3.1")
    assert spool.land(slice_of()) is Landing.DUPLICATE and len(stored(spool)) == 1


def test_a_damaged_leftover_is_set_aside_and_not_served(
    tmp_path: Path, pseudonyms: Pseudonyms, caplog: pytest.LogCaptureFixture
) -> None:
    with Spool(tmp_path / "s", pseudonyms) as spool:
        (spool.folder / "instances" / "2.25.1").write_bytes(b"half of some")
    with Spool(tmp_path / "s", pseudonyms) as spool:
        assert [path.name for path in (spool.folder / "quarantine").glob("*/*")] == ["2.25.1"]
    assert "damaged" in caplog.text


def test_an_unfinished_file_of_a_living_process_is_left_alone(tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    with Spool(tmp_path / "s", pseudonyms) as living:
        (living.folder / "incoming" / "x.part").write_bytes(b"half")
        with Spool(tmp_path / "s", pseudonyms):
            assert (living.folder / "incoming" / "x.part").exists()


def _send(folder: Path, key: bytes, instances: list[Instance], told: int, seed: int) -> None:
    """Land instances from four threads in an order of their own, and tell of each when it is answered."""
    with Spool(folder, Pseudonyms(key)) as spool:
        order = random.Random(seed).sample(range(len(instances)), len(instances))

        def land(n: int) -> None:
            spool.land(instances[n])
            os.write(told, n.to_bytes(2, "big"))

        with ThreadPoolExecutor(4) as senders:
            list(senders.map(land, order))


def _hear(reader: int, answers: int) -> bytes:
    """Wait for so many answers, or for the end; of none, the kill may fall into the start."""
    heard = b""
    while len(heard) < 2 * answers and (more := os.read(reader, 2 * answers - len(heard))):
        heard += more
    return heard


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_a_process_killed_at_any_moment_loses_nothing_that_it_has_answered(
    tmp_path: Path, slice_of: SliceOf, kills: int
) -> None:
    logging.getLogger("radloop.spool").setLevel(logging.CRITICAL)
    distinct = [slice_of(f"1.2.{n % 7}.{n}", f"1.2.{n % 7}", side=64) for n in range(20 * kills)]
    key, dice, answered, killed = b"k" * 32, random.Random(kills), set(), 0
    for attempt in range(kills):
        reader, writer = os.pipe()
        child = multiprocessing.get_context("fork").Process(
            target=_send, args=(tmp_path / "s", key, distinct, writer, attempt)
        )
        child.start()
        os.close(writer)
        heard = _hear(reader, dice.randrange(9))
        time.sleep(dice.uniform(0, 0.03))
        os.kill(child.pid or 0, signal.SIGKILL)
        child.join()
        killed += child.exitcode == -signal.SIGKILL
        with os.fdopen(reader, "rb") as told:
            heard += told.read()
        answered |= {int.from_bytes(heard[i : i + 2], "big") for i in range(0, len(heard) - 1, 2)}
        with Spool(tmp_path / "s", Pseudonyms(key)) as survivor:
            assert list((survivor.folder / "incoming").iterdir()) == []
            assert {distinct[n].sha256 for n in answered} <= stored(survivor) <= {i.sha256 for i in distinct}
    assert killed >= kills * 0.8 and answered
    with Spool(tmp_path / "s", Pseudonyms(key)) as spool:
        for instance in distinct:
            spool.land(instance)
        assert stored(spool) == {instance.sha256 for instance in distinct}
        assert spool.counts[Landing.QUARANTINED] == 0
