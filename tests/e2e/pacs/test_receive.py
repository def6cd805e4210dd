"""The receiver's own process under DCMTK's senders: nothing lost, nothing twice, whatever is killed or full."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from radloop.bench.receiving import time_receiving
from radloop.files import sha256_file
from radloop.settings import Settings
from radloop.sources.spool import CONFLICT
from radloop.sources.wire import from_file

pytestmark = pytest.mark.server


def landed(home: Path) -> set[str]:
    files = list((home / "spool" / "studies").rglob("*.dcm"))
    assert [path for path in files if sha256_file(path) != path.stem] == []
    return {path.stem for path in files}


def wait_for(home: Path, instances: int) -> None:
    deadline = time.monotonic() + 120
    while len(list((home / "spool" / "studies").rglob("*.dcm"))) < instances:
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.01)


def write(folder: Path, contents: list[bytes]) -> list[Path]:
    folder.mkdir(parents=True)
    paths = [folder / f"{n:05d}.dcm" for n in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_four_senders_with_three_in_ten_duplicates_leave_exactly_the_distinct_set(
    tmp_path: Path, listening: Any, storescu: Any, slice_file: Callable[..., bytes], count: int
) -> None:
    dice = random.Random(count)
    distinct = write(tmp_path / "sent", [slice_file(n % 9, n) for n in range(count * 7 // 10)])
    sent = distinct + dice.choices(distinct, k=count - len(distinct))
    dice.shuffle(sent)
    listening.start()
    senders = [storescu(listening.port, sent[start::4]) for start in range(4)]
    ends = [sender.finish() for sender in senders]
    assert [code for code, _ in ends] == [0] * 4, [said[-300:] for _, said in ends]
    assert listening.stop() == 0
    assert landed(listening.home) == {from_file(path.read_bytes()).sha256 for path in distinct}
    counted = f"{count} instances ({len(distinct)} stored, {count - len(distinct)} duplicate, 0 quarantined)"
    assert counted in listening.said
    assert list((listening.home / "spool" / "incoming").iterdir()) == []
    assert re.findall(r"1\.2\.3|MRN|Zanzibar", listening.said) == []


def test_a_receiver_killed_in_the_middle_has_everything_that_it_answered_and_takes_the_rest_later(
    tmp_path: Path, listening: Any, storescu: Any, slice_file: Callable[..., bytes]
) -> None:
    files = write(tmp_path / "sent", [slice_file(n % 3, n, 256) for n in range(200)])
    listening.start()
    sender = storescu(listening.port, files)
    wait_for(listening.home, 20)
    listening.stop(signal.SIGKILL)
    told = sender.finish()[1]
    answered = told.count("Received Store Response (Success)")
    assert 0 < answered < 200
    listening.start()
    survived = landed(listening.home)
    assert {from_file(path.read_bytes()).sha256 for path in files[:answered]} <= survived
    again = storescu(listening.port, files)
    assert again.finish()[0] == 0 and listening.stop() == 0
    assert landed(listening.home) == {from_file(path.read_bytes()).sha256 for path in files}


def test_a_receiver_that_is_told_to_stop_lets_its_sender_finish(
    tmp_path: Path, listening: Any, storescu: Any, slice_file: Callable[..., bytes]
) -> None:
    files = write(tmp_path / "sent", [slice_file(1, n, 256) for n in range(200)])
    listening.start()
    sender = storescu(listening.port, files)
    wait_for(listening.home, 5)
    assert listening.stop(signal.SIGTERM) == 0
    answered = sender.finish()[1].count("Received Store Response (Success)")
    assert 0 < answered <= len(landed(listening.home)) <= answered + 1  # one may be cut off from its answer
    assert re.search(r"stopped: \d+ instances", listening.said)


def test_other_bytes_under_one_uid_are_answered_and_kept_apart(
    tmp_path: Path, listening: Any, storescu: Any, slice_file: Callable[..., bytes]
) -> None:
    first, other = slice_file(1, 1), slice_file(1, 1)[:-2] + b"\x01\x02"
    listening.start()
    sender = storescu(listening.port, write(tmp_path / "sent", [first, other, first]))
    assert sender.finish()[0] == 0 and listening.stop() == 0
    assert landed(listening.home) == {from_file(first).sha256}
    [aside] = (listening.home / "spool" / "quarantine" / CONFLICT).iterdir()
    assert aside.read_bytes() == from_file(other).head + bytes(from_file(other).dataset)
    assert CONFLICT in listening.said and "1.2.3" not in listening.said


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("reserve", ["1", "0"])
def test_a_full_disk_is_refused_clearly_and_corrupts_nothing(
    tmp_path: Path, small_disk: Path, listening: Any, storescu: Any, slice_file: Callable[..., bytes], reserve: str
) -> None:
    """With a watermark before the disk is full, and without one when it is."""
    files = write(tmp_path / "sent", [slice_file(1, n, 512) for n in range(24)])
    listening.home = small_disk / "home"
    listening.start(RADLOOP_SPOOL_RESERVE_MIB=reserve)
    senders = [storescu(listening.port, files[start::2]) for start in range(2)]
    told = "".join(sender.finish()[1] for sender in senders)
    assert told.count("Refused: OutOfResources") in (1, 2)  # DCMTK ends at its first refusal; one may be done by then
    answered = told.count("Received Store Response (Success)")
    known = {from_file(path.read_bytes()).sha256 for path in files}
    assert 8 <= answered <= 16 and landed(listening.home) <= known and len(landed(listening.home)) == answered
    assert list((listening.home / "spool" / "incoming").iterdir()) == []
    assert shutil.disk_usage(small_disk).free >= int(reserve) << 20
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    again = storescu(listening.port, files)
    assert again.finish()[0] == 0 and listening.stop() == 0 and landed(listening.home) == known
    assert "refused: out of resources" in listening.said


@pytest.mark.slow
def test_the_bench_of_the_receiver_loses_nothing(settings: Callable[..., Settings], storescu: Any) -> None:
    seen = time_receiving(settings(), 1.0)
    assert seen.sent == seen.stored >= 16 * 50 and seen.per_second > 0
    assert not list(settings().root.glob("bench-receive-*"))
