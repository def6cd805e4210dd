from __future__ import annotations

import numpy as np
import pytest

from radloop.errors import ConfigurationError
from radloop.simulate.doses import at_doses
from radloop.simulate.knobs import Hospital
from radloop.simulate.population import study

HOSPITAL = Hospital(seed=5, image_size=128)


def test_noise_falls_with_the_root_of_the_dose() -> None:
    film = at_doses(HOSPITAL, study(HOSPITAL, 0), (0.04, 0.16, 0.64))
    noise = [float(np.median(np.abs(noisy - film.clean))) for noisy in film.noisy]
    assert noise[0] / noise[1] == pytest.approx(2, rel=0.1)
    assert noise[1] / noise[2] == pytest.approx(2, rel=0.1)


def test_a_dose_changes_nothing_but_the_noise() -> None:
    film = at_doses(HOSPITAL, study(HOSPITAL, 1), (0.1,))
    assert abs(float(np.mean(film.noisy[0] - film.clean))) < 0.002


def test_equal_arguments_give_equal_films_and_a_repeat_gives_other_noise() -> None:
    planned = study(HOSPITAL, 2)
    first, again, other = (at_doses(HOSPITAL, planned, (0.1,), repeat) for repeat in (0, 0, 1))
    assert first.noisy[0].tobytes() == again.noisy[0].tobytes()
    apart = first.noisy[0] - first.clean, other.noisy[0] - other.clean
    assert abs(float(np.corrcoef(apart[0].ravel(), apart[1].ravel())[0, 1])) < 0.05


def test_no_dose_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="exposes nothing"):
        at_doses(HOSPITAL, study(HOSPITAL, 0), (0.5, 0.0))
