"""How often a real film is called a negative, and how often a real negative is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radloop.imaging.inversion import inverted_score
from radloop.imaging.resample import shrink
from radloop.params import UseCase
from radloop.png import read_png

pytestmark = pytest.mark.real


def test_no_film_of_808_is_called_inverted_and_every_negative_is(shared_data: Path, case: UseCase) -> None:
    films = [shrink(read_png(path.read_bytes())) for path in sorted((shared_data / "nih_cxr" / "images").glob("*.png"))]
    scores = np.array([inverted_score(film) for film in films])
    negatives = np.array([inverted_score(255.0 - film) for film in films])
    print(f"films: {np.percentile(scores, [50, 99, 100]).round(3)} (50, 99, 100 %)")
    assert len(films) == 808
    assert int((scores > case.validate_.inverted_above).sum()) == 0
    assert int((negatives > case.validate_.inverted_above).sum()) == 808
