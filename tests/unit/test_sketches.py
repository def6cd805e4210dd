"""Sketches: merging the parts is the same as summarising the whole."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radloop import sketches
from radloop.sketches import Counts, Grid, Histogram, Moments, Sketch, merge_all, summarise

GRID = Grid(-10.0, 10.0, 20)
numbers = st.lists(st.one_of(st.none(), st.floats(-50, 50), st.just(math.nan)), max_size=40)
names = st.lists(st.one_of(st.none(), st.sampled_from("abcdefgh")), max_size=40)


def table(values: list[float | None], words: list[str | None]) -> pd.DataFrame:
    rows = min(len(values), len(words))
    return pd.DataFrame({"x": pd.Series(values[:rows], dtype=float), "w": pd.Series(words[:rows], dtype=object)})


def sketch(frame: pd.DataFrame) -> Sketch:
    return summarise(frame, {"x": GRID}, ["w"])


def same(a: Sketch, b: Sketch) -> bool:
    x, y = a.numbers["x"], b.numbers["x"]
    moments = np.allclose((x.moments.mean, x.moments.m2), (y.moments.mean, y.moments.m2), rtol=1e-9, atol=1e-7)
    exact = (a.n, x.counts, x.missing, x.n, a.categories) == (b.n, y.counts, y.missing, y.n, b.categories)
    return exact and bool(moments)


@given(numbers, names, numbers, names)
@settings(max_examples=60, deadline=None)
def test_merged_parts_equal_the_whole_and_the_order_does_not_matter(a, b, c, d) -> None:  # type: ignore[no-untyped-def]
    one, two = table(a, b), table(c, d)
    whole = sketch(pd.concat([one, two], ignore_index=True))
    assert same(sketch(one).merge(sketch(two)), whole)
    assert same(sketch(two).merge(sketch(one)), whole)


@given(numbers, numbers, numbers)
@settings(max_examples=40, deadline=None)
def test_merging_is_associative(a, b, c) -> None:  # type: ignore[no-untyped-def]
    parts = [sketch(table(values, ["a"] * len(values))) for values in (a, b, c)]
    assert same(parts[0].merge(parts[1]).merge(parts[2]), parts[0].merge(parts[1].merge(parts[2])))


@given(st.lists(st.integers(0, 30), max_size=60), st.lists(st.integers(0, 30), max_size=60))
@settings(max_examples=40, deadline=None)
def test_counts_beyond_the_capacity_still_merge_exactly(a: list[int], b: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sketches, "CAPACITY", 8)
        parts = Counts.of([str(value) for value in a]).merge(Counts.of([str(value) for value in b]))
        whole = Counts.of([str(value) for value in a + b])
    assert parts == whole
    assert parts.n == len(a) + len(b)
    assert len(parts.counts) <= 8


def test_a_sketch_survives_json() -> None:
    before = sketch(table([1.0, None, 99.0], ["a", None, "b"]))
    assert Sketch.from_json(json.loads(json.dumps(before.to_json()))) == before


def test_quantiles_lie_within_one_bin_of_the_exact_ones() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    histogram = Histogram.of(values, Grid(-6, 6, 60))
    for q in (0.05, 0.25, 0.5, 0.9):
        assert abs(histogram.quantile(q) - np.quantile(values, q)) < 0.2


def test_values_off_the_grid_are_counted_and_missing_ones_are_told() -> None:
    histogram = Histogram.of([-99.0, 0.0, 99.0, None, math.inf], GRID)
    assert (histogram.counts[0], histogram.counts[-1], histogram.missing, histogram.n) == (1, 1, 2, 3)


def test_grids_that_differ_do_not_merge() -> None:
    with pytest.raises(ValueError, match="one grid"):
        Histogram.of([1.0], GRID).merge(Histogram.of([1.0], Grid(0, 1, 20)))


def test_an_empty_table_has_an_empty_sketch() -> None:
    empty = sketch(table([], []))
    assert empty.n == 0
    assert math.isnan(empty.numbers["x"].quantile(0.5))
    assert Moments().merge(Moments()).n == 0
    assert empty.categories["w"].share("a") == 0.0


def test_days_merge_to_their_month() -> None:
    frame = table(list(np.linspace(-9, 9, 90)), ["a", "b", "c"] * 30)
    assert same(merge_all(sketch(frame[day::30]) for day in range(30)), sketch(frame))


def test_a_column_that_the_table_lacks_is_all_missing() -> None:
    assert summarise(pd.DataFrame({"y": [1, 2]}), {"x": GRID}, []).numbers["x"].missing == 2
