"""A study is read when it is complete: by its count, or when nothing has come for a while."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from radloop.catalog import read_catalog
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError
from radloop.ingest import Admission, ingest
from radloop.records import Arrival, Rejection
from radloop.sources import open_source
from radloop.sources.release import release
from radloop.sources.spool import CONFLICT, Landing, Spool
from radloop.sources.studies import Completeness, studies
from radloop.sources.wire import Instance, from_file

SliceOf = Callable[..., Instance]


def age(spool: Spool, seconds: float) -> None:
    """Let everything have come so long ago."""
    then = time.time() - seconds
    for folder in (spool.folder / "studies").iterdir():
        os.utime(folder, (then, then))


def test_quiet_time_ends_a_study(spool: Spool, slice_of: SliceOf) -> None:
    spool.land(slice_of())
    [study] = studies(spool.folder, 60)
    assert study.completeness is Completeness.ARRIVING
    age(spool, 61)
    [study] = studies(spool.folder, 60)
    assert study.completeness is Completeness.QUIET and len(study.files) == 1
    spool.land(slice_of("1.2.3.2"))
    [study] = studies(spool.folder, 60)
    assert study.completeness is Completeness.ARRIVING


def test_the_told_count_ends_a_study_at_once_and_duplicates_do_not_count(spool: Spool, slice_of: SliceOf) -> None:
    spool.expect("1.2.3", 2)
    for uid in ("1.2.3.1", "1.2.3.1", "1.2.3.2"):
        [before] = studies(spool.folder, 60) or [None]
        assert before is None or before.completeness is Completeness.ARRIVING
        spool.land(slice_of(uid))
    [study] = studies(spool.folder, 60)
    assert study.completeness is Completeness.COUNTED and study.expected == 2


def test_a_study_short_of_its_count_ends_by_time(spool: Spool, slice_of: SliceOf) -> None:
    spool.expect("1.2.3", 5)
    spool.land(slice_of())
    age(spool, 3600)
    [study] = studies(spool.folder, 60)
    assert study.completeness is Completeness.QUIET and study.expected == 5


def test_complete_studies_are_ingested_and_a_second_time_changes_nothing(
    tmp_path: Path, spool: Spool, film: Callable[..., Dataset], file_of: Callable[[Dataset], bytes],
    slice_of: SliceOf, pseudonyms: Pseudonyms, planted: tuple[str, ...], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    for uid in ("1.2.3.4.5.1", "1.2.3.4.5.2"):
        spool.land(from_file(file_of(film(uid))))
    spool.land(from_file(file_of(film("1.2.3.4.5.1", ViewPosition="AP"))))
    age(spool, 61)
    spool.land(slice_of("1.2.9.1", "1.2.9"))
    source = open_source("spool", spool.folder, pseudonyms)
    items = list(source)
    assert [type(item) for item in items] == [Arrival, Arrival, Rejection] and len(source) == 3
    assert isinstance(items[2], Rejection) and items[2].reason == CONFLICT
    assert source.arriving == 1
    assert ingest(source, tmp_path / "d") == Admission(admitted=2, quarantined=1)
    age(spool, 61)
    assert ingest(open_source("spool", spool.folder, pseudonyms), tmp_path / "d") == Admission(admitted=1, already=3)
    written = b"".join(path.read_bytes() for path in (tmp_path / "d").rglob("*") if path.is_file())
    assert [word for word in planted if word.encode() in written or word in caplog.text] == []


def test_a_file_that_changed_in_the_spool_is_refused(spool: Spool, slice_of: SliceOf, pseudonyms: Pseudonyms) -> None:
    spool.land(slice_of())
    [path] = (spool.folder / "studies").rglob("*.dcm")
    path.write_bytes(path.read_bytes()[:-2])
    age(spool, 61)
    [item] = open_source("spool", spool.folder, pseudonyms)
    assert isinstance(item, Rejection) and item.reason == "damaged_in_spool"


def test_findings_of_spooled_studies_come_from_a_table(
    tmp_path: Path, spool: Spool, slice_of: SliceOf, pseudonyms: Pseudonyms
) -> None:
    spool.land(slice_of())
    age(spool, 61)
    (tmp_path / "labels.csv").write_text("sop_instance_uid,findings\n1.2.3.1,Nodule\n")
    [item] = open_source("spool", spool.folder, pseudonyms, tmp_path / "labels.csv")
    assert isinstance(item, Arrival) and item.record.findings == ["Nodule"]


def test_a_spool_without_a_complete_study_says_what_still_arrives(
    spool: Spool, slice_of: SliceOf, pseudonyms: Pseudonyms
) -> None:
    spool.land(slice_of())
    with pytest.raises(ConfigurationError, match="1 still arriving"):
        open_source("spool", spool.folder, pseudonyms)


def test_what_was_admitted_is_released_and_nothing_else(
    tmp_path: Path, spool: Spool, slice_of: SliceOf, pseudonyms: Pseudonyms
) -> None:
    for uid in ("1.2.3.1", "1.2.3.2"):
        spool.land(slice_of(uid))
    spool.land(slice_of("1.2.3.1", seed=1))
    spool.expect("1.2.3", 2)
    spool.land(slice_of("1.2.5.1", "1.2.5", PatientSex="X"))
    age(spool, 61)
    assert ingest(open_source("spool", spool.folder, pseudonyms), tmp_path / "d") == Admission(2, 0, 2)
    spool.land(slice_of("1.2.7.1", "1.2.7"))
    admitted = {*read_catalog(tmp_path / "d")["instance_uid"], pseudonyms.uid("1.2.7.1")}
    assert release(spool.folder, admitted, 60) == 2
    assert [spool.has(uid) for uid in ("1.2.3.1", "1.2.3.2", "1.2.5.1", "1.2.7.1")] == [False, False, True, True]
    assert len(list((spool.folder / "studies").iterdir())) == 2 and not list((spool.folder / "expected").iterdir())
    assert len(list((spool.folder / "quarantine").glob("*/*"))) == 1
    assert spool.land(slice_of()) is Landing.STORED
