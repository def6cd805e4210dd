"""What a person reads of a snapshot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from radloop.catalog import admit
from radloop.records import Arrival, Rejection
from radloop.snapshots.console import facts


def test_masks_are_counted_apart_and_what_was_refused_is_told(film_of: Callable[..., Arrival], tmp_path: Path) -> None:
    film, mask = film_of(1, ["Pneumonia"]), film_of(2)
    refused = Rejection("here", "0" * 64, "1" * 64, "not_dicom", "the file is no DICOM")
    admit(tmp_path, [film, replace(mask, record=replace(mask.record, role="mask", manufacturer="Beta")), refused])
    told = facts(tmp_path, "Pneumonia")
    assert (told["images"], told["masks"], told["patients"], told["refused: not_dicom"]) == ("1", "1", "2", "1")
    assert told["Pneumonia among labelled"] == "100.0%" and told["view unknown"] == "1"
    assert "scanner Beta" not in told


def test_a_snapshot_without_labels_or_ages_says_so(film_of: Callable[..., Arrival], tmp_path: Path) -> None:
    film = film_of(1)
    admit(tmp_path, [replace(film, record=replace(film.record, age=None))])
    told = facts(tmp_path, "Pneumonia")
    assert (told["labelled"], told["Pneumonia among labelled"], told["age, median"]) == ("0", "-", "-")
