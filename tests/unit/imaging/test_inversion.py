from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from radloop.imaging.inversion import frontal_chest, inverted_score
from radloop.imaging.resample import shrink

Chest = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(5))
def test_a_film_is_told_from_its_negative(chest: Chest, seed: int) -> None:
    film = shrink(chest(seed))
    assert inverted_score(film) < 0.4
    assert inverted_score(255.0 - film) > 0.6


def test_the_score_of_a_negative_is_one_minus_that_of_the_film(chest: Chest) -> None:
    film = shrink(chest(0))
    assert inverted_score(-film) == pytest.approx(1.0 - inverted_score(film))


def test_the_score_ignores_brightness_and_contrast(chest: Chest) -> None:
    film = shrink(chest(1))
    assert inverted_score(3000.0 + 7.0 * film) == pytest.approx(inverted_score(film), abs=1e-6)


def test_a_film_shown_from_behind_scores_as_well_as_the_film(chest: Chest) -> None:
    film = shrink(chest(2))
    assert inverted_score(film[:, ::-1]) == pytest.approx(inverted_score(film))


def test_a_flat_film_is_undecided() -> None:
    assert inverted_score(np.full((64, 64), 9.0)) == 0.5


def test_the_template_is_dark_in_the_lungs_and_bright_in_the_spine() -> None:
    template = frontal_chest()
    assert template[14, 9] < -0.5 and template[14, 22] < -0.5
    assert template[14, 16] > 1.0
    assert template.mean() == pytest.approx(0.0) and template.std() == pytest.approx(1.0)


@pytest.mark.slow
def test_simulated_films_score_as_films_and_inverted_ones_as_negatives() -> None:
    from radloop.simulate.hospital import Hospital, simulate_study
    from radloop.simulate.pictures import display

    hospital = Hospital()
    for index in range(40):
        pixels, _, planned = simulate_study(hospital, index)
        score = inverted_score(shrink(display(pixels, planned.scanner.monochrome1)))
        assert score < 0.4
        assert inverted_score(shrink(255 - display(pixels, planned.scanner.monochrome1))) == pytest.approx(1 - score)
