"""The log keeps every answer, once, whatever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from radloop.errors import ServiceUnavailable
from radloop.predictions import PredictionLog, Segment
from radloop.predictions.segments import open_journals
from radloop.records import Prediction, schema_of

CASE = "chest_pneumonia"
JANUARY = (date(2026, 1, 1), date(2026, 1, 31))


def _crash(segment: Segment) -> None:
    raise KeyboardInterrupt


def test_an_answer_is_readable_before_and_after_it_is_sealed(tmp_path: Path, prediction) -> None:
    log = PredictionLog(tmp_path)
    log.append([prediction(1)])
    before = log.read(CASE, *JANUARY)
    sealed = log.seal()
    after = log.read(CASE, *JANUARY)
    assert len(sealed) == 1 and not open_journals(tmp_path / CASE)
    pd.testing.assert_frame_equal(before, after)
    row = after.iloc[0]
    expected = asdict(prediction(1))
    assert list(after.columns) == list(expected)
    assert row["score"] == expected["score"] and row["predicted_at"] == expected["predicted_at"]
    assert row["manufacturer"] == "Vendör A" and row["acquired_on"] == date(2025, 12, 31)
    assert row["view"] is None and list(row["embedding"]) == [0.25, -1.5]


def test_segments_keep_the_schema_of_the_noun(tmp_path: Path, prediction) -> None:
    log = PredictionLog(tmp_path)
    log.append([prediction(1)])
    (segment,) = log.seal()
    assert pq.read_schema(tmp_path / segment.path).equals(schema_of(Prediction))


def test_segments_and_journals_of_an_older_version_read_with_what_they_lack_missing(tmp_path: Path, prediction) -> None:
    log = PredictionLog(tmp_path)
    log.append([prediction(1)])
    (segment,) = log.seal()
    path = tmp_path / segment.path
    pq.write_table(pq.read_table(path).drop_columns("image_inverted"), path)
    assert log.read(CASE, *JANUARY)["image_inverted"].isna().tolist() == [True]
    log.append([prediction(2, image_inverted=0.9), prediction(3)])
    (journal,) = open_journals(tmp_path / CASE)
    journal.write_text(journal.read_text().replace(',"image_inverted":null', ""))
    assert journal.read_text().count("image_inverted") == 1
    rows = log.read(CASE, *JANUARY)
    assert list(rows.columns) == schema_of(Prediction).names
    assert rows["image_inverted"].fillna(-1).tolist() == [-1, 0.9, -1]
    assert len(log.find(["p000001", "p000002", "p000003"])) == 3


def test_an_empty_log_reads_as_an_empty_table_with_every_column(tmp_path: Path) -> None:
    frame = PredictionLog(tmp_path).read(CASE, *JANUARY)
    assert frame.empty and list(frame.columns) == schema_of(Prediction).names
    assert PredictionLog(tmp_path).read_labelled(CASE, *JANUARY, finding="Pneumonia").empty


def test_a_window_holds_its_first_and_last_day_and_one_segment_a_day(tmp_path: Path, prediction) -> None:
    log = PredictionLog(tmp_path)
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 31), date(2026, 2, 1)]
    log.append([prediction(i, received_on=day) for i, day in enumerate(days)])
    assert len(log.seal()) == 4
    log.append([prediction(7, received_on=date(2026, 1, 5)), prediction(8, received_on=date(2026, 3, 5))])
    assert list(log.read(CASE, *JANUARY)["prediction_id"]) == ["p000001", "p000002", "p000007"]
    assert list(log.read(CASE, *JANUARY, columns=["score"]).columns) == ["score"]


def test_a_model_version_can_be_read_alone_and_the_smoke_set_is_no_production(tmp_path: Path, prediction) -> None:
    log = PredictionLog(tmp_path)
    log.append([prediction(1), prediction(2, model_version="2"), prediction(3, channel="smoke")])
    assert list(log.read(CASE, *JANUARY, model_version="2")["prediction_id"]) == ["p000002"]
    assert len(log.read(CASE, *JANUARY)) == 2
    assert log.ids(CASE, "b" * 64) == {"p000001", "p000002", "p000003"}


def test_use_cases_do_not_mix(tmp_path: Path, prediction) -> None:
    log = PredictionLog(tmp_path)
    log.append([prediction(1), prediction(2, use_case="other")])
    log.seal()
    assert log.use_cases() == [CASE, "other"]
    assert list(log.read("other", *JANUARY)["prediction_id"]) == ["p000002"]


def test_a_crash_between_segment_and_journal_counts_no_answer_twice(tmp_path: Path, prediction) -> None:
    log = PredictionLog(tmp_path)
    log.append([prediction(i) for i in range(5)])
    with pytest.raises(KeyboardInterrupt):
        log.seal(_crash)
    assert open_journals(tmp_path / CASE) and list(tmp_path.rglob("*.parquet"))
    assert len(log.read(CASE, *JANUARY)) == 5
    recorded: list[Segment] = []
    log.seal(recorded.append)
    assert len(recorded) == 1 and len(list(tmp_path.rglob("*.parquet"))) == 1
    assert len(log.read(CASE, *JANUARY)) == 5
    assert log.verify(recorded) == []


def test_the_same_id_written_twice_counts_once_and_the_first_answer_stands(tmp_path: Path, prediction) -> None:
    first, second = PredictionLog(tmp_path), PredictionLog(tmp_path)
    first.append([prediction(1)])
    second.append([prediction(1, predicted_at=prediction(9).predicted_at, latency_ms=99.0)])
    frame = first.read(CASE, *JANUARY)
    assert len(frame) == 1 and frame["latency_ms"][0] == 12.5


def test_a_torn_last_line_is_ignored_then_kept_aside(tmp_path: Path, prediction) -> None:
    log = PredictionLog(tmp_path)
    log.append([prediction(1)])
    log.close()
    (journal,) = open_journals(tmp_path / CASE)
    whole = journal.read_bytes()
    torn = whole[: len(whole) // 2]
    journal.write_bytes(whole + torn)
    assert len(log.read(CASE, *JANUARY)) == 1
    log.seal()
    assert len(log.read(CASE, *JANUARY)) == 1
    (aside,) = (tmp_path / CASE / "quarantine").iterdir()
    assert aside.read_bytes() == torn + b"\n"


def test_a_line_of_the_wrong_type_is_kept_aside_too(tmp_path: Path, prediction) -> None:
    log = PredictionLog(tmp_path)
    log.append([prediction(1)])
    log.close()
    (journal,) = open_journals(tmp_path / CASE)
    journal.write_bytes(journal.read_bytes() + b'{"prediction_id": "x", "score": "high"}\n\x00\x00\n')
    log.seal()
    assert len(log.read(CASE, *JANUARY)) == 1
    (aside,) = (tmp_path / CASE / "quarantine").iterdir()
    assert b'"high"' in aside.read_bytes() and b"\x00\x00" in aside.read_bytes()


def test_a_living_writer_keeps_its_journal(tmp_path: Path, prediction) -> None:
    writer, sealer = PredictionLog(tmp_path), PredictionLog(tmp_path)
    writer.append([prediction(1)])
    assert sealer.seal() == []
    writer.append([prediction(2)])
    writer.close()
    assert sealer.seal()[0].rows == 2


def test_a_full_journal_is_given_up_while_its_writer_goes_on(tmp_path: Path, prediction, monkeypatch) -> None:
    monkeypatch.setattr("radloop.predictions.journal.FULL", 1000)
    log = PredictionLog(tmp_path)
    for i in range(4):
        log.append([prediction(i), prediction(100 + i)])
    assert len(open_journals(tmp_path / CASE)) == 4
    assert sum(segment.rows for segment in PredictionLog(tmp_path).seal()) == 8


def test_verify_names_a_changed_a_lost_and_a_slipped_in_segment(tmp_path: Path, prediction) -> None:
    log = PredictionLog(tmp_path)
    log.append([prediction(i, received_on=date(2026, 1, 1 + i)) for i in range(3)])
    segments = log.seal()
    assert log.verify() == [] and log.verify(segments) == []
    changed, lost = (tmp_path / segment.path for segment in segments[:2])
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    stranger = lost.with_name("stranger.parquet")
    lost.rename(stranger)
    problems = " ".join(log.verify(segments))
    assert "altered" in problems and "missing" in problems and "never recorded" in problems


def test_an_unwritable_disk_gives_no_answer_and_no_half_batch(tmp_path: Path, prediction, monkeypatch) -> None:
    log = PredictionLog(tmp_path)
    log.append([prediction(1)])

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("radloop.predictions.journal.os.fsync", full)
    with pytest.raises(ServiceUnavailable, match="No space left"):
        log.append([prediction(2)])
    monkeypatch.undo()
    log.append([prediction(3)])
    assert list(log.read(CASE, *JANUARY)["prediction_id"]) == ["p000001", "p000003"]


def test_not_a_number_is_no_answer(tmp_path: Path, prediction) -> None:
    with pytest.raises(ValueError, match="JSON"):
        PredictionLog(tmp_path).append([prediction(1, score=float("nan"))])


SEALING_WRITER = """
import importlib.util, sys
from pathlib import Path
from radloop.predictions import PredictionLog
spec = importlib.util.spec_from_file_location("invented", sys.argv[1])
invented = importlib.util.module_from_spec(spec)
spec.loader.exec_module(invented)
log = PredictionLog(Path(sys.argv[2]))
for i in range(40):
    log.append([invented.make(1000 * int(sys.argv[3]) + i)])
    if i % 10 == 9:
        log.seal()
"""


def test_writers_sealers_and_readers_at_once_lose_nothing(tmp_path: Path) -> None:
    invented = Path(__file__).with_name("conftest.py")
    # whole processes of their own: a fork of one that has threads may find their locks held for ever
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", SEALING_WRITER, invented, tmp_path, str(n)], stderr=subprocess.PIPE, text=True
        )
        for n in range(3)
    ]
    log, seen = PredictionLog(tmp_path), 0
    while any(writer.poll() is None for writer in writers):
        now = len(log.read(CASE, *JANUARY))
        assert now >= seen, "a row that was there has gone"
        seen = now
    assert [writer.communicate()[1] for writer in writers if writer.returncode] == []
    log.seal()
    assert len(log.read(CASE, *JANUARY)) == 120
    assert sum(pq.read_metadata(path).num_rows for path in tmp_path.rglob("*.parquet")) == 120
    assert log.verify() == []


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import make
from radloop.predictions import PredictionLog
log = PredictionLog(Path(sys.argv[1]))
number = 0
while True:
    log.append([make(number)])
    print(number, flush=True)
    number += 1
"""


def test_a_writer_killed_at_any_moment_loses_no_acknowledged_answer(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(50)]
        time.sleep(0.01)
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().split()]
    log = PredictionLog(tmp_path)
    (segment,) = log.seal()
    frame = log.read(CASE, *JANUARY)
    assert {f"p{number:06d}" for number in acknowledged} <= set(frame["prediction_id"])
    assert segment.rows == len(frame) and not open_journals(tmp_path / CASE)
