from __future__ import annotations

import numpy as np
import pytest

from radloop.errors import StudyRejected
from radloop.imaging.resample import reduce_film, shrink


def test_a_film_smaller_than_the_thumbnail_is_enlarged() -> None:
    assert shrink(np.arange(28 * 28).reshape(28, 28)).shape == (64, 64)


def test_a_colour_image_is_refused() -> None:
    with pytest.raises(StudyRejected):
        shrink(np.zeros((10, 10, 3)))


def test_the_thumbnail_of_a_film_is_that_of_its_reduction() -> None:
    film = np.random.default_rng(0).normal(size=(700, 600))
    assert np.array_equal(shrink(film), shrink(reduce_film(film)))
