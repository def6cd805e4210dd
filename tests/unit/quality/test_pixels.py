from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from radloop.imaging.resample import shrink
from radloop.quality.pixels import PixelMeasures, measure_pixels

Chest = Callable[..., np.ndarray]


def measured(pixels: np.ndarray, bits: int = 8) -> PixelMeasures:
    return measure_pixels(pixels, bits, shrink(pixels))


def test_a_good_film_has_contrast_and_structure_and_is_not_saturated(chest: Chest) -> None:
    measures = measured(chest(0))
    assert measures.contrast > 20 and measures.structure is not None and measures.structure > 0.9
    assert measures.saturated is not None and measures.saturated < 0.2
    assert (measures.decoded_rows, measures.decoded_columns) == (256, 256)


def test_a_constant_film_has_no_contrast_and_nothing_else_to_say() -> None:
    measures = measured(np.full((200, 180), 77, np.uint16), 12)
    assert measures == PixelMeasures(200, 180, 0.0)


@pytest.mark.parametrize("side", [130, 256, 512])
def test_noise_alone_has_no_structure_and_so_no_negative(side: int) -> None:
    measures = measured(np.random.default_rng(0).normal(2000, 300, (side, side)), 12)
    assert measures.structure == pytest.approx(0.0, abs=0.09)
    assert measures.inverted is None


def test_a_film_that_is_mostly_black_is_saturated(chest: Chest) -> None:
    film = chest(0)
    film[:, :180] = 0
    film[0, 0] = 255
    saturated = measured(film).saturated
    assert saturated is not None and saturated > 0.7


def test_a_12_bit_film_measures_as_its_8_bit_copy(chest: Chest) -> None:
    film = chest(3)
    deep, shallow = measured(film.astype(np.uint16) * 16, 12), measured(film)
    assert deep.contrast == pytest.approx(shallow.contrast, rel=0.01)
    assert deep.inverted == pytest.approx(shallow.inverted)
    assert deep.saturated == pytest.approx(shallow.saturated)
