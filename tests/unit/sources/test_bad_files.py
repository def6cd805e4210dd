"""Each named kind of bad file is refused for its reason, or admitted without its identity; films behind it go on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from radloop.catalog import admit, read_catalog, read_quarantine
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import StudyRejected
from radloop.fuzzing.bad_files import header_kinds
from radloop.fuzzing.bad_pixels import bad_pngs, strange_fragments
from radloop.fuzzing.films import PLANTED, Kind, film
from radloop.sources import open_source
from radloop.sources.instance import read_instance

SLOW_TO_TELL = {"deflate_bomb": {"too_slow", "too_much_memory"}}  # whichever bound of the machine bites first


def test_every_kind_is_quarantined_with_its_reason_and_the_good_film_behind_it_is_admitted(
    tmp_path: Path, pseudonyms: Pseudonyms
) -> None:
    kinds = [*header_kinds(), *strange_fragments()]
    folder = tmp_path / "films"
    folder.mkdir()
    for at, kind in enumerate(kinds):
        (folder / f"{at:03d}a").write_bytes(kind.content)
        (folder / f"{at:03d}b").write_bytes(film(f"good {kind.name}"))
    outcome = admit(tmp_path / "d", open_source("dicom_folder", folder, pseudonyms, workers=1))
    refused = read_quarantine(tmp_path / "d").set_index("position")["reason"].to_dict()
    wrong = {
        kind.name: (found, kind.reason)
        for at, kind in enumerate(kinds)
        if (found := refused.get(2 * at, "")) not in SLOW_TO_TELL.get(kind.name, {kind.reason})
    }
    assert not wrong, "kind: (found, expected)"
    legal = sum(not kind.reason for kind in kinds)
    assert (outcome.admitted, outcome.quarantined) == (len(kinds) + legal, len(kinds) - legal)
    assert len(refused) >= 85, "refused kinds"
    assert len(read_catalog(tmp_path / "d")) == outcome.admitted


def test_every_name_stands_for_one_kind_and_there_are_more_than_sixty() -> None:
    names = [kind.name for kind in (*header_kinds(), *strange_fragments(), *bad_pngs())]
    assert len(set(names)) == len(names) >= 120


@pytest.mark.parametrize(
    "kind", [k for k in (*header_kinds(), *strange_fragments()) if not k.reason], ids=lambda k: k.name
)
def test_nothing_planted_is_left_of_what_is_admitted(kind: Kind, pseudonyms: Pseudonyms) -> None:
    stored = read_instance(kind.content, pseudonyms).content
    assert any(word in kind.content for word in PLANTED)
    assert not [word for word in PLANTED if word in stored]


@pytest.mark.parametrize("kind", bad_pngs(), ids=lambda kind: kind.name)
def test_a_bad_png_is_refused_with_its_reason_or_stored_as_pixels_alone(kind: Kind, pseudonyms: Pseudonyms) -> None:
    if kind.reason:
        with pytest.raises(StudyRejected) as refused:
            read_instance(kind.content, pseudonyms)
        assert refused.value.reason == kind.reason
        return
    arrival = read_instance(kind.content, pseudonyms)
    assert (arrival.record.rows, arrival.record.columns) == (12, 10)
    assert len(arrival.content) < 400
    assert not re.search(rb"zTXt|Zanzibar", arrival.content)
