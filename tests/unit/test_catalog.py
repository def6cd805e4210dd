"""The catalog only grows, admits each instance once, loses nothing and is never half-written."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pydicom.dataset import Dataset

import radloop.catalog
import radloop.shards
from radloop.catalog import Admission, admit, read_catalog, read_content, read_contents, read_quarantine, records_of
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError, ServiceUnavailable
from radloop.files import sha256, sha256_file
from radloop.records import Arrival, Record, Rejection
from radloop.shards import ShardWriter, header_of
from radloop.sources import read_instance

REFUSED = Rejection("here", "ab" * 32, "cd" * 32, "truncated", "too short", 3)


def arrival(number: int, content: bytes | None = None, findings: list[str] | None = None) -> Arrival:
    """An invented image; equal numbers are equal instances."""
    content = content or b"pixels of %d" % number
    record = Record(
        record_id=f"r-{number}",
        patient_id=f"p-{number // 2}",
        study_id=f"s-{number}",
        instance_uid=f"2.25.{number}",
        source="here",
        content_type="image/png",
        sha256=sha256(content),
        pixel_sha256=sha256(content),
        rows=4,
        columns=4,
        bits_stored=8,
        photometric_interpretation="MONOCHROME2",
        findings=findings,
    )
    return Arrival(record, content)


def fingerprint(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in folder.rglob("*") if path.is_file()}


def test_what_was_admitted_is_read_back(tmp_path: Path) -> None:
    arrivals = [arrival(1, findings=["Pneumonia"]), arrival(2, findings=[]), arrival(3)]
    assert admit(tmp_path / "d", arrivals) == Admission(admitted=3)
    frame = read_catalog(tmp_path / "d")
    assert frame["findings"].tolist() == [["Pneumonia"], [], None]
    stored = records_of(frame)
    assert [replace(a.record) for a in arrivals] == [
        Record(**{name: getattr(row, name) for name in Record.__dataclass_fields__}) for row in stored
    ]
    assert [read_content(tmp_path / "d", row) for row in stored] == [a.content for a in arrivals]


def test_a_second_admission_of_the_same_source_writes_no_byte(tmp_path: Path) -> None:
    source = [arrival(1), REFUSED, arrival(2), arrival(1, b"other bytes")]
    assert admit(tmp_path / "d", source) == Admission(admitted=2, quarantined=2)
    before = fingerprint(tmp_path / "d")
    assert admit(tmp_path / "d", source) == Admission(already=4)
    assert fingerprint(tmp_path / "d") == before


def test_growth_leaves_every_earlier_byte_alone(tmp_path: Path) -> None:
    admit(tmp_path / "d", [arrival(1), REFUSED])
    before = fingerprint(tmp_path / "d")
    assert admit(tmp_path / "d", [arrival(1), arrival(2)]) == Admission(admitted=1, already=1)
    assert before.items() <= fingerprint(tmp_path / "d").items()
    assert read_catalog(tmp_path / "d")["batch"].tolist() == [0, 1]


def test_one_uid_for_two_images_keeps_the_first_and_quarantines_the_second(tmp_path: Path) -> None:
    assert admit(tmp_path / "d", [arrival(1), arrival(1, b"other")]) == Admission(admitted=1, quarantined=1)
    assert read_catalog(tmp_path / "d")["sha256"].tolist() == [arrival(1).record.sha256]
    assert read_quarantine(tmp_path / "d")["reason"].tolist() == ["instance_uid_conflict"]


def test_two_patients_that_share_a_uid_are_told_apart(
    tmp_path: Path,
    film: Callable[..., Dataset],
    file_of: Callable[[Dataset], bytes],
    pseudonyms: Pseudonyms,
) -> None:
    both = [read_instance(file_of(film("1.2", PatientID=name)), pseudonyms) for name in ("A-1", "B-2")]
    assert admit(tmp_path / "d", both) == Admission(admitted=1, quarantined=1)


def test_equal_bytes_of_two_instances_are_two_rows_and_one_copy(tmp_path: Path) -> None:
    assert admit(tmp_path / "d", [arrival(1, b"same"), arrival(2, b"same")]) == Admission(admitted=2)
    frame = read_catalog(tmp_path / "d")
    assert frame["offset"].nunique() == 1
    assert [content for _, content in read_contents(tmp_path / "d", frame)] == [b"same", b"same"]


def test_later_findings_are_a_new_row_that_points_to_the_same_bytes(tmp_path: Path) -> None:
    admit(tmp_path / "d", [arrival(1), arrival(2)])
    assert admit(tmp_path / "d", [arrival(1, findings=["Nodule"])]) == Admission(relabelled=1)
    frame = read_catalog(tmp_path / "d")
    assert dict(zip(frame["record_id"], frame["findings"], strict=True)) == {"r-1": ["Nodule"], "r-2": None}
    assert len(list((tmp_path / "d" / "shards").iterdir())) == 1
    assert admit(tmp_path / "d", [arrival(1)]) == Admission(already=1), "no finding told is no correction"


def test_each_shard_is_opened_once_and_read_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radloop.catalog, "ShardWriter", lambda folder, batch: ShardWriter(folder, batch, largest=4096))
    arrivals = [arrival(number, bytes([number]) * 700) for number in range(12)]
    admit(tmp_path / "d", arrivals)
    frame = read_catalog(tmp_path / "d").sample(frac=1, random_state=0)
    assert frame["shard"].nunique() > 1
    opened: list[str] = []
    real = radloop.catalog._open_shard
    monkeypatch.setattr(radloop.catalog, "_open_shard", lambda f, s: opened.append(s) or real(f, s))
    for position, content in read_contents(tmp_path / "d", frame):
        assert sha256(content) == frame["sha256"].iloc[position]
    assert len(opened) == len(set(opened)) == frame["shard"].nunique()


def test_shards_are_tar_files_of_bounded_size(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, batch=7, largest=5000)
    for number in range(9):
        writer.add(f"{number}.png", bytes(600), f"s-{number}")
    places = writer.close()
    shards = sorted(tmp_path.iterdir())
    assert [shard.name for shard in shards] == sorted({shard for shard, _ in places.values()})
    assert all(shard.stat().st_size <= 5000 for shard in shards)
    with tarfile.open(shards[0]) as tar:
        assert [member.size for member in tar] == [600] * len(tar.getmembers())


def of_study(number: int, study: str) -> Arrival:
    made = arrival(number, bytes([number]) * 700)
    return replace(made, record=replace(made.record, study_id=study))


@pytest.mark.parametrize("order", ["study by study", "torn apart"])
def test_a_study_lies_in_one_shard_in_whatever_order_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    monkeypatch.setattr(radloop.catalog, "ShardWriter", lambda folder, batch: ShardWriter(folder, batch, largest=8192))
    studies = [f"s-{n % 5}" if order == "torn apart" else f"s-{n // 8}" for n in range(40)]
    arrivals = [of_study(n, study) for n, study in enumerate(studies)]
    assert admit(tmp_path / "d", arrivals) == Admission(admitted=40)
    frame = read_catalog(tmp_path / "d")
    assert frame["shard"].nunique() > 1
    assert (frame.groupby("study_id")["shard"].nunique() == 1).all()
    assert {path.name for path in (tmp_path / "d" / "shards").iterdir()} == set(frame["shard"])
    assert [sha256(content) for _, content in sorted(read_contents(tmp_path / "d", frame))] == frame["sha256"].tolist()


def test_a_study_larger_than_a_shard_has_one_that_is_as_large(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, batch=0, largest=4096)
    for number in range(10):
        writer.add(f"{number}.png", bytes(600), "long" if number < 9 else "next")
    places = [shard for shard, _ in writer.close().values()]
    assert len(set(places[:9])) == 1
    assert places[9] != places[0]


@pytest.mark.parametrize("order", ["torn apart", "interleaved", "one long study between"])
def test_shards_of_torn_studies_grow_by_half_at_most_and_lose_nothing(tmp_path: Path, order: str) -> None:
    count, largest = 400, 16_000
    studies = {
        "torn apart": [f"s-{number % 80}" for number in range(count)],
        "interleaved": [f"s-{number // 40 * 8 + number % 8}" for number in range(count)],
        "one long study between": ["long" if number % 2 else f"s-{number // 10}" for number in range(count)],
    }[order]
    writer = ShardWriter(tmp_path, batch=1, largest=largest)
    for number, study in enumerate(studies):
        writer.add(f"{number}.png", b"%d " % number * 100, study)
    places = writer.close()
    shards: dict[str, set[str]] = {}
    for number, study in enumerate(studies):
        shards.setdefault(study, set()).add(places[f"{number}.png"][0])
    assert {len(names) for names in shards.values()} == {1}
    seen = {}
    for path in tmp_path.iterdir():
        assert path.stat().st_size <= 1.5 * largest + 2048 or path.name in shards.get("long", ())
        with tarfile.open(path) as tar:
            for member in tar:
                stream = tar.extractfile(member)
                assert stream is not None and places[member.name] == (path.name, member.offset_data)
                seen[member.name] = stream.read()
    assert seen == {f"{number}.png": b"%d " % number * 100 for number in range(count)}
    names = sorted({shard for shard, _ in places.values()})
    assert names == [f"000001-{number:03d}.tar" for number in range(len(names))]


def test_more_shards_than_are_held_open_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(radloop.shards, "STREAMS", 2)
    writer = ShardWriter(tmp_path, batch=0, largest=4096)
    for number in range(60):
        writer.add(f"{number}.png", b"%d " % number * 200, f"s-{number % 20}")
    places = writer.close()
    for number in range(60):
        shard, offset = places[f"{number}.png"]
        assert (tmp_path / shard).read_bytes()[offset:].startswith(b"%d " % number * 200)


@pytest.mark.parametrize(("name", "length"), [("a.dcm", 0), ("b" * 100, 8**11 - 1), ("c/" * 70, 5), ("é", 700)])
def test_a_header_is_the_one_that_tarfile_writes(name: str, length: int) -> None:
    info = tarfile.TarInfo(name)
    info.size = length
    assert header_of(name, length) == info.tobuf(tarfile.USTAR_FORMAT)


def test_a_kill_while_a_shard_is_split_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radloop.catalog, "ShardWriter", lambda folder, batch: ShardWriter(folder, batch, largest=4096))
    arrivals = [of_study(n, f"s-{n % 2}") for n in range(12)]
    real = ShardWriter._blocks

    def failing(self: ShardWriter, shard: object) -> Iterator[object]:
        yield next(real(self, shard))  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ShardWriter, "_blocks", failing)
        with pytest.raises(KeyboardInterrupt):
            admit(tmp_path / "d", arrivals)
    assert fingerprint(tmp_path / "d") == {}
    assert admit(tmp_path / "d", arrivals) == Admission(admitted=12)


def test_a_source_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    def breaking() -> Iterator[Arrival]:
        yield arrival(1)
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        admit(tmp_path / "d", breaking())
    assert fingerprint(tmp_path / "d") == {}


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import radloop.catalog as catalog
from test_catalog import arrival
def die(*arguments): os.kill(os.getpid(), signal.SIGKILL)
catalog.{step} = die
catalog.admit(Path({folder!r}), [arrival(2), arrival(3)])
"""


@pytest.mark.parametrize("step", ["_write_parts", "_place", "sync_after_shards"])
def test_a_kill_leaves_the_old_catalog_and_the_next_admission_sweeps_up(tmp_path: Path, step: str) -> None:
    folder = tmp_path / "d"
    admit(folder, [arrival(1)])
    before = fingerprint(folder)
    script = KILLED.format(tests=str(Path(__file__).parent), folder=str(folder), step=step)
    if step == "sync_after_shards":
        script = script.replace(
            "catalog.sync_after_shards = die",
            "from radloop.shards import ShardWriter; close = ShardWriter.close\n"
            "ShardWriter.close = lambda self: (close(self), die())",
        )
    killed = subprocess.run([sys.executable, "-c", script], env={**os.environ}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(read_catalog(folder)) == 1
    assert admit(folder, [arrival(2)]) == Admission(admitted=1)
    frame = read_catalog(folder)
    named = {f"shards/{shard}" for shard in frame["shard"]}
    assert {name for name in fingerprint(folder) if name.startswith("shards")} == named
    assert before.items() <= fingerprint(folder).items()


def test_a_kill_between_the_parts_is_healed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "d"
    real = radloop.catalog.write_bytes

    def only_quarantine(path: Path, content: bytes) -> None:
        if path.parent.name == "catalog":
            raise KeyboardInterrupt
        real(path, content)

    monkeypatch.setattr(radloop.catalog, "write_bytes", only_quarantine)
    with pytest.raises(KeyboardInterrupt):
        admit(folder, [arrival(1), REFUSED])
    monkeypatch.undo()
    assert admit(folder, [arrival(1), REFUSED]) == Admission(admitted=1, already=1)
    assert len(read_quarantine(folder)) == 1


def _admit_slowly(folder: Path, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    admit(folder, [arrival(number) for number in range(40)])


@pytest.mark.slow
def test_two_admissions_at_once_take_turns(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Event()
    workers = [context.Process(target=_admit_slowly, args=(tmp_path / "d", start)) for _ in range(2)]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join()
    assert len(read_catalog(tmp_path / "d")) == 40


def test_a_snapshot_held_by_another_is_a_service_that_may_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(radloop.catalog, "PATIENCE", 0.01)

    def greedy() -> Iterator[Arrival]:
        admit(tmp_path / "d", [])
        yield arrival(1)

    with pytest.raises(ServiceUnavailable, match="wait"):
        admit(tmp_path / "d", greedy())


def test_a_folder_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot write"):
        admit(tmp_path / "file" / "d", [arrival(1)])


def test_a_full_disk_is_a_configuration_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: ShardWriter, name: str, content: bytes, study: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ShardWriter, "add", full)
    with pytest.raises(ConfigurationError, match="No space left"):
        admit(tmp_path / "d", [arrival(1)])
    assert fingerprint(tmp_path / "d") == {}


def test_a_missing_catalog_and_a_missing_shard_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ingest"):
        read_catalog(tmp_path)
    admit(tmp_path, [arrival(1)])
    row = records_of(read_catalog(tmp_path))[0]
    with pytest.raises(ConfigurationError, match="too short"):
        read_content(tmp_path, replace(row, length=10**6))
    (tmp_path / "shards" / row.shard).unlink()
    with pytest.raises(ConfigurationError, match="dvc checkout"):
        read_content(tmp_path, row)


def test_a_part_without_the_later_columns_is_still_read(tmp_path: Path) -> None:
    admit(tmp_path / "d", [arrival(1)])
    (part,) = (tmp_path / "d" / "catalog").glob("*.parquet")
    later = ["series_id", "role", "of", "frames", "slice_thickness"]
    pq.write_table(pq.read_table(part).drop_columns(later), part)
    assert admit(tmp_path / "d", [arrival(1), arrival(2)]) == Admission(admitted=1, already=1)
    assert read_catalog(tmp_path / "d")[later].isna().all(axis=None)
