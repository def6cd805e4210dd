"""Windows and the stratified sample."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from monitoring.windows import Window, stratified
from radloop.errors import ConfigurationError


def rows(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = [date(2026, 3, 1 + int(d)) for d in rng.integers(0, 10, n)]
    return pd.DataFrame({"day": days, "site": rng.choice(["north", "south", None], n, p=[0.7, 0.25, 0.05])})


def test_a_sample_has_exactly_the_rows_asked_for_in_the_same_mix() -> None:
    whole = rows(20_000)
    part = stratified(whole, 1000)
    assert len(part) == 1000
    for column in ("day", "site"):
        before, after = (f[column].fillna("?").value_counts(normalize=True).sort_index() for f in (whole, part))
        assert np.allclose(before, after, atol=0.02)
    assert part.index.is_unique


def test_a_small_table_comes_back_whole() -> None:
    whole = rows(100)
    assert stratified(whole, 1000) is whole


def test_the_same_seed_draws_the_same_rows() -> None:
    whole = rows(5000)
    assert stratified(whole, 500, 3).index.equals(stratified(whole, 500, 3).index)
    assert not stratified(whole, 500, 3).index.equals(stratified(whole, 500, 4).index)


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="swap the dates"):
        Window(date(2026, 3, 2), date(2026, 3, 1), "March")


def test_a_window_names_a_folder_that_is_safe_on_disk() -> None:
    assert Window(date(2026, 3, 1), date(2026, 3, 31), "../März: AP/only").slug == "2026-03-01_2026-03-31_märz--ap-only"
