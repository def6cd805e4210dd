from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radloop.params import Split
from radloop.quality.groups import deal
from radloop.quality.sides import asked_batches, side_checks, site_is_asked

KNOBS = Split(
    salt="salt",
    validation=0.2,
    test=0.3,
    near_duplicate_distance=104,
    near_duplicate_correlation=0.9,
    largest_imbalance=0.1,
)
BY_SITE, BY_TIME = (KNOBS.model_copy(update={"by": by}) for by in ("site", "time"))


def test_the_hash_of_a_site_deals_the_share_that_is_asked_for() -> None:
    asked = [site_is_asked(f"site-{n}", BY_SITE) for n in range(5000)]
    assert sum(asked) / 5000 == pytest.approx(0.3, abs=0.025)


def test_a_named_site_is_test_whatever_its_hash_says() -> None:
    named = BY_SITE.model_copy(update={"test_sites": ("site-1",)})
    assert [site_is_asked(f"site-{n}", named) for n in range(20)] == [n == 1 for n in range(20)]


@pytest.mark.parametrize(
    ("sizes", "newest"), [([50, 30, 20], {1, 2}), ([50, 20, 30], {2}), ([10, 1], {1}), ([9], set()), ([1, 99], {1})]
)
def test_the_newest_batches_hold_the_share_but_never_the_oldest(sizes: list[int], newest: set[int]) -> None:
    batches = pd.Series([batch for batch, size in enumerate(sizes) for _ in range(size)])
    assert asked_batches(batches, 0.3) == newest


def test_a_leaky_table_is_seen_whatever_made_it() -> None:
    table = pd.DataFrame({"split": ["train", "test", "test"], "site": ["a", "a", "b"], "batch": [1, 1, 2]})
    assert not side_checks(table, BY_SITE)[0].holds and not side_checks(table, BY_TIME)[0].holds
    mended = table.assign(split=["train", "excluded", "test"])
    assert side_checks(mended, BY_SITE)[0].holds and side_checks(mended, BY_TIME)[0].holds
    assert side_checks(table, KNOBS) == ()


film = st.tuples(st.integers(0, 9), st.integers(0, 3), st.sampled_from(["a", "b", "c", None]))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(film, min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=8),
    st.sampled_from([BY_SITE.model_copy(update={"test_sites": ("a",)}), BY_SITE, BY_TIME]),
)
def test_in_no_mode_does_a_patient_a_copy_a_site_or_a_time_stand_on_both_sides(
    rows: list[tuple[int, int, str | None]], pairs: list[tuple[int, int]], knobs: Split
) -> None:
    rows = sorted(rows, key=lambda row: row[1])
    films = pd.DataFrame(rows, columns=["patient", "batch", "site"])
    films = films.assign(record_id=[f"r{n}" for n in range(len(rows))], patient_id="p" + films["patient"].astype(str))
    owners = films["patient_id"]
    links = [(a, b) for a, b in pairs if max(a, b) < len(rows) and owners[a] != owners[b]]
    dealt = deal(films, links, knobs)
    splits = owners.map(dealt.split_of).mask(films["record_id"].isin(dealt.excluded), "excluded")
    kept = films.assign(split=splits)[splits != "excluded"]
    assert kept.groupby("patient_id")["split"].nunique().le(1).all()
    assert all(len({splits[a], splits[b]} - {"excluded"}) <= 1 for a, b in links)
    test, taught = kept[kept["split"] == "test"], kept[kept["split"] != "test"]
    if knobs.by == "site":
        assert not set(test["site"]) & set(taught["site"]) and test["site"].notna().all()
    elif len(test) and len(taught):
        assert test["batch"].min() > taught["batch"].max()


@settings(max_examples=100, deadline=None)
@given(st.lists(film, min_size=1, max_size=30))
def test_by_site_nobody_moves_as_the_snapshot_grows(rows: list[tuple[int, int, str | None]]) -> None:
    rows = sorted(rows, key=lambda row: row[1])
    films = pd.DataFrame(rows, columns=["patient", "batch", "site"])
    films = films.assign(record_id=[f"r{n}" for n in range(len(rows))], patient_id="p" + films["patient"].astype(str))
    whole = deal(films, [], BY_SITE)
    for last in sorted(set(films["batch"])):
        seen = films[films["batch"] <= last]
        part = deal(seen, [], BY_SITE)
        assert all(whole.split_of[patient] == split for patient, split in part.split_of.items())
        assert part.excluded == whole.excluded & set(seen["record_id"])
