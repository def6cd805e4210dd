"""An input of production can be fetched by its hash, with all that was known of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import StudyRejected
from radloop.records import Arrival
from radloop.retained import load_retained, retain
from radloop.sources import read_instance


@pytest.fixture
def arrival(film: Callable[..., Dataset], file_of: Callable[[Dataset], bytes], pseudonyms: Pseudonyms) -> Arrival:
    return replace(read_instance(file_of(film()), pseudonyms), day=None)


def test_what_was_kept_comes_back_whole(tmp_path: Path, arrival: Arrival) -> None:
    digest = arrival.record.sha256
    assert retain(tmp_path, arrival) == tmp_path / digest[:2] / digest
    assert load_retained(tmp_path, digest) == arrival


def test_keeping_twice_writes_once(tmp_path: Path, arrival: Arrival) -> None:
    path = retain(tmp_path, arrival)
    written = path.stat().st_mtime_ns
    assert retain(tmp_path, arrival).stat().st_mtime_ns == written
    assert len(list(path.parent.iterdir())) == 2


def test_nothing_kept_and_something_damaged_are_told_apart(tmp_path: Path, arrival: Arrival) -> None:
    with pytest.raises(StudyRejected) as absent:
        load_retained(tmp_path, arrival.record.sha256)
    retain(tmp_path, arrival).write_bytes(b"rotten")
    with pytest.raises(StudyRejected) as damaged:
        load_retained(tmp_path, arrival.record.sha256)
    assert (absent.value.reason, damaged.value.reason) == ("not_retained", "retained_damaged")
