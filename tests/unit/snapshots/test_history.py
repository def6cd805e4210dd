"""A snapshot is found again by its md5 or by any commit that holds it."""

from __future__ import annotations

import pytest

from radloop.errors import ConfigurationError
from radloop.snapshots.history import last_two, version, versions
from radloop.workspace import Workspace

CASE = "chest_pneumonia"


def test_every_snapshot_is_listed_once_and_oldest_first(place: Workspace) -> None:
    first, second = versions(place, CASE)
    assert second.md5 == place.md5(CASE) != first.md5
    assert first.when <= second.when
    assert place.git("rev-list", "--count", f"{first.commit}..{second.commit}").strip() == "1"


def test_a_snapshot_is_named_by_the_beginning_of_its_md5_or_its_commit(place: Workspace) -> None:
    first, second = versions(place, CASE)
    assert version(place, CASE, first.md5[:6]) == version(place, CASE, first.md5) == first
    assert version(place, CASE, first.commit[:10]) == first
    assert version(place, CASE) == second


def test_a_commit_between_two_snapshots_names_the_one_that_it_holds(elsewhere: Workspace) -> None:
    elsewhere.git("commit", "--quiet", "--allow-empty", "--message", "a training run")
    assert version(elsewhere, CASE, elsewhere.git("rev-parse", "HEAD").strip()) == versions(elsewhere, CASE)[-1]


def test_the_last_two_are_compared_unless_others_are_named(place: Workspace) -> None:
    first, second = versions(place, CASE)
    assert last_two(place, CASE, None, None) == (first, second)
    assert last_two(place, CASE, second.md5, first.commit) == (second, first)


def test_an_unknown_snapshot_is_refused(place: Workspace) -> None:
    with pytest.raises(ConfigurationError, match=r"0 snapshots of chest_pneumonia are called '00000000'"):
        version(place, CASE, "00000000")


@pytest.mark.parametrize("typed", ["Muster^Max", "abc", "", "--all", "HEAD"])
def test_what_is_no_name_of_a_snapshot_is_not_repeated(place: Workspace, typed: str) -> None:
    with pytest.raises(ConfigurationError, match="no name of a snapshot") as refusal:
        version(place, CASE, typed)
    assert not typed or typed not in str(refusal.value)


def test_a_single_snapshot_has_no_difference(elsewhere: Workspace) -> None:
    elsewhere.git("reset", "--quiet", "--hard", versions(elsewhere, CASE)[0].commit)
    with pytest.raises(ConfigurationError, match="1 snapshot, a difference needs two"):
        last_two(elsewhere, CASE, None, None)
