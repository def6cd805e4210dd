"""The bench plants what it says, and counts what became of it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from radloop.bench.text import KINDS, SIDE, _planted, _tally


@pytest.mark.parametrize("kind", KINDS)
def test_planted_ink_is_where_the_picture_changed(kind: str) -> None:
    draw, _ = KINDS[kind]
    picture, ink = _planted(draw, 3, 28, 0.8)
    assert picture.shape == ink.shape == (SIDE, SIDE) and ink.sum() > 100
    assert (picture != draw(3))[ink].all()
    np.testing.assert_array_equal(picture, _planted(draw, 3, 28, 0.8)[0])


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs Debian's tesseract-ocr")
def test_an_empty_picture_is_no_false_positive_and_keeps_its_interval() -> None:
    empty = np.zeros((64, 64), np.uint16)
    found = _tally("film", 0, 0.0, False, [(empty, np.ones(empty.shape, bool))] * 3)
    assert (found.n, found.blanked, found.refused, found.caught.value) == (3, 0, 0, 0.0)
    assert found.caught.high is not None and 0 < found.caught.high < 1
