from __future__ import annotations

import pandas as pd

from radloop.quality.leakage import equal_films, shared_between_splits


def table(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["patient_id", "pixel_sha256", "split"])


def test_equal_pixels_in_two_splits_are_found() -> None:
    leaky = table(("a", "x", "train"), ("b", "x", "test"), ("c", "y", "train"), ("c", "y", "train"))
    assert shared_between_splits(leaky, "pixel_sha256") == ["x"]


def test_a_patient_in_two_splits_is_found() -> None:
    assert shared_between_splits(table(("a", "x", "train"), ("a", "y", "test")), "patient_id") == ["a"]


def test_an_excluded_film_leaks_nothing() -> None:
    assert shared_between_splits(table(("a", "x", "train"), ("b", "x", "excluded")), "pixel_sha256") == []


def test_equal_films_are_paired_with_the_first_and_only_between_patients() -> None:
    films = table(("a", "x", ""), ("b", "y", ""), ("a", "x", ""), ("c", "x", ""), ("d", "x", ""))
    assert equal_films(films) == [(0, 3), (0, 4)]
