from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radloop.quality.balance import Cell, balance, effective_number, split_sizes
from radloop.quality.balance_picture import balance_png


def table(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        "split": rng.choice(["train", "validation", "test"], n, p=[0.6, 0.15, 0.25]),
        "patient_id": [f"p{i}" for i in range(n)], "group_id": [f"g{i}" for i in range(n)],
        "label": rng.random(n) < 0.3, "site": rng.choice(["north", "south"], n), "sex": rng.choice(["F", "M", None], n),
    }).astype({"label": object})  # fmt: skip


def broken(cells: list[Cell]) -> set[tuple[str, str]]:
    return {(cell.variable, cell.split) for cell in cells if not cell.holds}


@pytest.mark.parametrize("n", [40, 300, 3000])
def test_dealing_by_chance_is_balanced_whatever_the_size(n: int) -> None:
    assert [seed for seed in range(20) if broken(balance(table(n, seed), 0.10))] == []


def test_a_split_with_another_prevalence_is_found() -> None:
    rows = table(1000)
    rows.loc[(rows["split"] == "test") & (np.arange(1000) % 2 == 0), "label"] = True
    assert broken(balance(rows, 0.10)) == {("label", "test")}


def test_a_difference_beyond_chance_but_within_the_knob_holds() -> None:
    rows = table(30_000)
    rows.loc[(rows["split"] == "test") & (np.arange(30_000) % 10 == 0), "label"] = True
    assert broken(balance(rows, 0.01)) and not broken(balance(rows, 0.10))


def test_what_is_missing_is_a_category_of_its_own() -> None:
    assert "unknown" in {cell.category for cell in balance(table(300), 0.1) if cell.variable == "sex"}


def test_films_of_one_group_count_as_fewer_than_they_are() -> None:
    assert effective_number(pd.Series(list("abcd"))) == 4
    assert effective_number(pd.Series(["a"] * 9 + ["b"])) == pytest.approx(100 / 82)
    assert effective_number(pd.Series([], dtype=str)) == 0


def test_sizes_count_patients_and_both_classes_and_leave_the_unlabelled_out() -> None:
    rows = pd.DataFrame({
        "split": ["train", "train", "test"], "patient_id": ["a", "a", "b"], "group_id": ["g", "g", "h"],
        "label": pd.Series([True, None, False], dtype=object),
    })  # fmt: skip
    assert split_sizes(rows)["train"] == {"images": 2, "patients": 1, "groups": 1, "positives": 1, "negatives": 0}


def test_equal_tables_give_equal_pictures() -> None:
    cells = balance(table(200), 0.1)
    assert balance_png(cells, "balance") == balance_png(cells, "balance")
    assert balance_png(cells, "balance").startswith(b"\x89PNG")
