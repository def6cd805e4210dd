"""Damaged files are refused with a reason or admitted whole; what the fuzzer once found stays mended."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.fuzzing.bad_sets import bad_sets
from radloop.fuzzing.bad_volumes import bad_volumes
from radloop.fuzzing.films import film, inserted, raw_element
from radloop.fuzzing.mutations import MUTATIONS, Mutation, mutated
from radloop.fuzzing.running import Trials, fuzz, seeds
from radloop.fuzzing.trial import Broken, tried
from radloop.simulate.dicom_out import dicom_bytes
from radloop.simulate.hospital import Hospital
from radloop.simulate.population import study
from radloop.simulate.radiograph import radiograph


def test_a_character_set_that_is_no_text_is_read_as_latin(pseudonyms: Pseudonyms) -> None:
    content = film("charset", SpecificCharacterSet=b"\xff\xfeISO")
    assert tried(content, pseudonyms) == ""


def test_an_element_of_an_unknown_kind_without_a_value_is_left_out(pseudonyms: Pseudonyms) -> None:
    empty = raw_element(0x0018, 0x0091, b"I\x13", 0)
    assert tried(inserted("empty", empty, before="Rows"), pseudonyms) == ""


def test_a_seed_and_a_number_name_the_same_bytes_in_any_process() -> None:
    one, two = (Trials([film("a"), film("b")], seed=7, first=0) for _ in range(2))
    assert [one.content(n) for n in range(50)] == [two.content(n) for n in range(50)]
    assert one.content(0) != Trials([film("a"), film("b")], seed=8, first=0).content(0)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.__name__)
def test_each_damage_damages_and_takes_the_smallest_files(mutation: Mutation) -> None:
    whole, random = film("whole"), Random(3)
    changed = [bytearray(whole) for _ in range(20)]
    for content in changed:
        mutation(content, whole, random)
    assert sum(bytes(content) != whole for content in changed) >= 10
    for content in (bytearray(b"x"), bytearray(b"xy")):
        mutation(content, b"", random)


def test_an_identity_that_is_left_is_a_broken_promise(pseudonyms: Pseudonyms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radloop.fuzzing.trial.IDENTITIES", (b"ISO_IR 192",))  # stands in all that is stored
    with pytest.raises(Broken, match="identity"):
        tried(film("left"), pseudonyms)


def test_a_short_run_breaks_no_promise() -> None:
    corpus, pseudonyms = seeds(), Pseudonyms(b"a key for invented patients only")
    assert len(corpus) >= 250
    random = Random(0)
    for _ in range(150):
        tried(mutated(random.choice(corpus), random.choice(corpus), random), pseudonyms)


def test_volumes_and_sets_are_tried_as_their_own_sources_read_them(pseudonyms: Pseudonyms) -> None:
    said = {kind.name: tried(kind.content, pseudonyms) for kind in (*bad_volumes(), *bad_sets()) if kind.content}
    assert said["nifti_good"] == said["nifti_compressed"] == said["npz_good"] == said["npz_squeezed"] == ""
    assert said["nifti_bomb_behind"] == "truncated" and said["nifti_colour"] == "voxel_type"
    assert said["npz_objects"] == said["npz_shape_huge"] == "no_set"


@pytest.mark.slow
def test_a_minute_of_damage_breaks_no_promise(tmp_path: Path) -> None:
    hospital = Hospital(image_size=64)
    planned = [study(hospital, index) for index in range(4)]
    films = [dicom_bytes(hospital, one, radiograph(hospital, one)) for one in planned]
    found = fuzz(60, 0, 1, [*seeds(), *films * 10])
    assert not [reason for reason, _ in found.broken]
    assert found.trials >= 1000
    assert found.reasons["admitted"] >= 20
