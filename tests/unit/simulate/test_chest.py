"""The simulated chest: lungs are dark, hearts have a side, bodies differ as people do."""

import numpy as np
import pytest

from radloop.simulate.anatomy import build, geometry, pose
from radloop.simulate.hospital import simulate_study
from radloop.simulate.knobs import Hospital
from radloop.simulate.pictures import contact_sheet
from radloop.simulate.thorax import Chest, chest


def make(sex: str = "M", age: float = 50, view: str = "PA", seed: int = 0) -> Chest:
    rng = np.random.default_rng(seed)
    body, stance = build(sex, age, rng), pose(view, 0.0, rng)
    return chest(body, stance, geometry(body, stance, 256, rng))


def test_no_path_is_negative_and_air_fits_into_the_body() -> None:
    for seed in range(6):
        made = make(seed=seed)
        for path in (made.body, made.lung, made.gas, made.fat, made.spine):
            assert path.min() >= 0
        assert (made.lung <= made.body + 1e-3).all()


def test_the_heart_lies_more_to_the_patients_left() -> None:
    made = make()
    mass = made.heart.sum(0)
    assert (mass * made.x[60]).sum() / mass.sum() > 10


def test_the_heart_looks_wider_from_the_front_than_from_the_back() -> None:
    rng = np.random.default_rng(3)
    body = build("M", 50, rng)
    stance = pose("PA", 0.0, rng)
    pa = geometry(body, stance, 256, np.random.default_rng(1))
    ap = geometry(body, pose("AP", 0.0, np.random.default_rng(2)), 256, np.random.default_rng(1))
    assert ap.magnification(45.0) > pa.magnification(45.0) + 0.05


def test_women_have_breast_shadows_and_thin_men_have_none() -> None:
    assert build("F", 50, np.random.default_rng(0)).breast > 0
    assert min(build("M", 50, np.random.default_rng(k)).breast for k in range(9)) == 0


@pytest.mark.parametrize("view", ["PA", "AP"])
def test_a_point_falls_where_the_grid_says(view: str) -> None:
    made = make(view=view)
    x, y = made.view.plane(45.0)
    row, column = 70, 50
    point = np.array([[x[row, column], y[row, column], 45.0]])
    at = made.view.pixels(point)[0]
    step = 256 / len(x)
    assert at[0] == pytest.approx(step * (column + 0.5) - 0.5, abs=1.0)
    assert at[1] == pytest.approx(step * (row + 0.5) - 0.5, abs=1.0)


def test_lungs_are_darker_than_the_mediastinum_on_every_film() -> None:
    hospital = Hospital(image_size=128, prevalence=0.0, rates=())
    for index in range(8):
        pixels, _, planned = simulate_study(hospital, index)
        image = 4095 - pixels if planned.scanner.monochrome1 else pixels
        lung = image[45:70, 28:42].mean() + image[45:70, 86:100].mean()
        assert lung / 2 < image[45:70, 58:70].mean() - 300


def test_a_contact_sheet_shows_as_many_films_as_asked_for() -> None:
    assert contact_sheet(Hospital(image_size=64), 3, columns=2).shape == (512, 512, 3)
