"""Several processes read what one would read, in the same order."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

import radloop.sources.spread
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.held import Held
from radloop.sources import open_source


@pytest.fixture
def folder(film: Callable[..., Dataset], dicom_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(radloop.sources.spread, "START", 0.0)
    monkeypatch.setattr(radloop.sources.spread, "TRIED", 2)
    return dicom_folder(**{f"f{n:02d}": film(f"1.{n}") if n % 4 else b"" for n in range(12)})


def test_the_items_do_not_depend_on_the_number_of_processes(folder: Path, pseudonyms: Pseudonyms) -> None:
    none, one, two = (list(open_source("dicom_folder", folder, pseudonyms, workers=workers)) for workers in (0, 1, 2))
    assert none == one == two
    assert len(one) == 12


def test_a_second_process_is_started_where_the_rest_takes_long_and_only_there(
    folder: Path, pseudonyms: Pseudonyms, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    start = Held._start
    monkeypatch.setattr(Held, "_start", lambda held: (started.append(1), start(held))[1])
    monkeypatch.setattr(radloop.sources.spread, "START", 1e9)
    assert len(list(open_source("dicom_folder", folder, pseudonyms, workers=3))) == 12 and len(started) == 1
    monkeypatch.setattr(radloop.sources.spread, "START", 0.0)
    assert len(list(open_source("dicom_folder", folder, pseudonyms, workers=3))) == 12 and len(started) == 4


def test_a_reader_that_stops_early_leaves_no_process_waiting(folder: Path, pseudonyms: Pseudonyms) -> None:
    items = iter(open_source("dicom_folder", folder, pseudonyms, workers=2))
    assert len(list(islice(items, 3))) == 3
    items.close()  # type: ignore[attr-defined]
