"""No ratio without equal outputs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radloop.bench.ratios import same, unchanged
from radloop.errors import RadloopError
from radloop.files import sha256

CONTENTS = [b"first film", b"second film", b"second film"]
FILMS = pd.DataFrame({"sha256": [sha256(content) for content in CONTENTS]})


def test_outputs_within_the_tolerance_are_equal() -> None:
    assert same("logits", np.array([1.0, 2.0]), np.array([1.0, 2.5]), 0.5) == "logits at most 0.5 apart"
    assert same("images", np.array([255], np.uint8), np.array([255], np.uint8), 0) == "images at most 0 apart"


@pytest.mark.parametrize(
    ("ours", "plain"),
    [
        (np.array([1.0, 2.0]), np.array([1.0, 2.6])),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0])),
        (np.array([1.0, 1.0]), np.array([1.0])),
        (np.array([]), np.array([])),
        (np.array([0], np.uint8), np.array([255], np.uint8)),
    ],
)
def test_unequal_outputs_are_refused(ours: np.ndarray, plain: np.ndarray) -> None:
    with pytest.raises(RadloopError, match=r"logits (differ|are of shapes)"):
        same("logits", ours, plain, 0.5)


def test_films_read_in_any_order_are_those_of_the_catalog() -> None:
    assert unchanged(FILMS, [(2, CONTENTS[2]), (0, CONTENTS[0]), (1, CONTENTS[1])]).startswith("3 films")


@pytest.mark.parametrize(
    "read",
    [
        [(0, CONTENTS[0]), (1, CONTENTS[1])],
        [(0, CONTENTS[0]), (1, CONTENTS[1]), (2, b"another film")],
        [(0, CONTENTS[1]), (1, CONTENTS[0]), (2, CONTENTS[2])],
        [(0, CONTENTS[0]), (0, CONTENTS[0]), (2, CONTENTS[2])],
        [*enumerate(CONTENTS), (3, CONTENTS[2])],
        [],
    ],
)
def test_other_films_than_the_catalogs_are_refused(read: list[tuple[int, bytes]]) -> None:
    with pytest.raises(RadloopError, match="not those of the catalog"):
        unchanged(FILMS, read)
