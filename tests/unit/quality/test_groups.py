from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radloop.params import Split
from radloop.quality.groups import deal, group_id, split_of_group

KNOBS = Split(
    salt="salt",
    validation=0.2,
    test=0.3,
    near_duplicate_distance=104,
    near_duplicate_correlation=0.9,
    largest_imbalance=0.1,
)


def films(*rows: tuple[str, int]) -> pd.DataFrame:
    """One film per (patient, batch)."""
    return pd.DataFrame(
        [{"record_id": f"r{n}", "patient_id": patient, "batch": batch} for n, (patient, batch) in enumerate(rows)]
    )


def in_split(split: str, salt: str = KNOBS.salt) -> list[str]:
    """Patients who, alone, stand in this split."""
    return [f"p{n}" for n in range(200) if split_of_group(group_id(f"p{n}", salt), KNOBS) == split]


def test_shares_of_patients_are_those_asked_for() -> None:
    shares = pd.Series([split_of_group(group_id(str(n), "salt"), KNOBS) for n in range(20_000)]).value_counts()
    assert shares["test"] / 20_000 == pytest.approx(0.3, abs=0.015)
    assert shares["validation"] / 20_000 == pytest.approx(0.2, abs=0.015)


def test_another_salt_deals_otherwise_and_another_share_of_validation_leaves_test_alone() -> None:
    test = set(in_split("test"))
    assert set(in_split("test", salt="other")) != test
    wider = KNOBS.model_copy(update={"validation": 0.4})
    assert {p for p in (f"p{n}" for n in range(200)) if split_of_group(group_id(p, "salt"), wider) == "test"} == test


def test_all_films_of_a_patient_stand_together() -> None:
    dealt = deal(films(("a", 0), ("b", 0), ("a", 3), ("a", 1)), [], KNOBS)
    assert set(dealt.split_of) == {"a", "b"} and dealt.excluded == frozenset()


def test_patients_of_one_batch_who_share_a_film_form_one_group_of_the_first() -> None:
    dealt = deal(films(("a", 0), ("b", 0), ("c", 0), ("d", 0)), [(3, 1), (1, 2)], KNOBS)
    assert dealt.group_of["b"] == dealt.group_of["c"] == dealt.group_of["d"] == group_id("b", "salt")
    assert dealt.group_of["a"] == group_id("a", "salt")
    assert dealt.excluded == frozenset()


def test_a_new_patient_who_shares_a_film_joins_the_group_that_stands() -> None:
    old = in_split("test")[0]
    new = in_split("train")[0]
    dealt = deal(films((old, 0), (new, 1)), [(0, 1)], KNOBS)
    assert dealt.split_of[new] == "test" and dealt.group_of[new] == group_id(old, "salt")
    assert dealt.excluded == frozenset()


def test_a_film_that_copies_one_in_another_split_is_excluded_and_nobody_moves() -> None:
    asked, taught = in_split("test")[0], in_split("train")[0]
    rows = films((asked, 0), (taught, 0), (taught, 1))
    dealt = deal(rows, [(0, 2)], KNOBS)
    assert (dealt.split_of[asked], dealt.split_of[taught]) == ("test", "train")
    assert dealt.excluded == {"r2"}


def test_a_new_patient_between_two_splits_joins_the_earlier_and_loses_the_film_of_the_later() -> None:
    asked, taught = in_split("test")[0], in_split("train")[0]
    rows = films((taught, 0), (asked, 0), ("new", 1), ("new", 1))
    dealt = deal(rows, [(0, 2), (1, 3)], KNOBS)
    assert dealt.split_of["new"] == "train"
    assert dealt.excluded == {"r3"}


history = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=30)
copies = st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=12)


@settings(max_examples=200, deadline=None)
@given(history, copies)
def test_whatever_comes_later_nobody_moves_and_nothing_leaks(
    rows: list[tuple[int, int]], pairs: list[tuple[int, int]]
) -> None:
    """Growing the snapshot batch by batch never changes what was dealt, and a copied film stands in one split."""
    rows = sorted(rows, key=lambda row: row[1])
    table = films(*((f"p{patient}", batch) for patient, batch in rows))
    owners, batches = table["patient_id"], table["batch"]
    links = [(a, b) for a, b in pairs if a < len(rows) and b < len(rows) and owners[a] != owners[b]]
    whole = deal(table, links, KNOBS)
    for last in sorted(set(batches)):
        seen = table[batches <= last]
        part = deal(seen, [link for link in links if max(link) < len(seen)], KNOBS)
        assert all(whole.split_of[patient] == split for patient, split in part.split_of.items())
        assert all(whole.group_of[patient] == group for patient, group in part.group_of.items())
        assert part.excluded == whole.excluded & set(seen["record_id"])
    for a, b in links:
        kept = [n for n in (a, b) if f"r{n}" not in whole.excluded]
        assert len({whole.split_of[owners[n]] for n in kept}) <= 1
