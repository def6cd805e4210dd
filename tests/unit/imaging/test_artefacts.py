from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from radloop.imaging.artefacts import (
    ghosting_score,
    grid_line_score,
    metal_score,
    remove_grid_lines,
    remove_rings,
    ring_score,
)

Chest = Callable[..., np.ndarray]


def grainy(film: np.ndarray) -> np.ndarray:
    return np.asarray(film + np.random.default_rng(0).normal(0, 3, film.shape))


def lined(film: np.ndarray, amplitude: float, frequency: float = 0.31, askew: float = 0.004) -> np.ndarray:
    down, across = np.indices(film.shape)
    return film + amplitude * np.sin(2 * np.pi * frequency * (across + askew * down))


def slice_of_body(seed: int = 0, size: int = 160) -> np.ndarray:
    """A round body in air with soft organs, a bone, and noise, in HU."""
    random = np.random.default_rng(seed)
    away = distance(size)
    organs = gaussian_filter(random.normal(size=(size, size)), 9)
    hu = np.where(away < 0.45 * size, 40 + 60 * np.tanh(organs / organs.std()), -1000.0)
    bone = gaussian_filter((np.indices((size, size)).sum(axis=0) % 97 == 0).astype(float), 2) > 0.08
    hu[bone & (away < 0.3 * size)] = 900
    return np.asarray(hu + random.normal(0, 10, hu.shape))


def distance(size: int) -> np.ndarray:
    down, across = np.indices((size, size)) - (size - 1) / 2
    return np.asarray(np.hypot(down, across))


def ringed(slice_: np.ndarray, hu: float, radii: tuple[float, ...] = (23.3, 41.0, 55.7)) -> np.ndarray:
    away = distance(len(slice_))
    return slice_ + sum(hu * np.exp(-((away - radius) ** 2)) for radius in radii)


def head(seed: int = 0) -> np.ndarray:
    """MR magnitudes of a round head with fine structure, in air."""
    random = np.random.default_rng(seed)
    down, across = np.meshgrid(np.linspace(-1, 1, 64), np.linspace(-1, 1, 60), indexing="ij")
    inside = gaussian_filter((np.hypot(down / 0.62, across / 0.55) < 1).astype(float), 1)[..., None]
    texture = gaussian_filter(random.normal(size=(64, 60, 8)), 1.0)
    field = inside * (100 + 25 * texture / texture.std())
    return np.abs(field + random.normal(0, 3, field.shape))


def ghosted(image: np.ndarray, share: float, part: int = 2, axis: int = 0) -> np.ndarray:
    return image + share * np.roll(image, image.shape[axis] // part, axis)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("frequency", [0.17, 0.31, 0.47])
def test_grid_lines_are_told_from_a_clean_film_and_taken_away(chest: Chest, frequency: float, turned: bool) -> None:
    film = grainy(chest(0))
    film = film.T if turned else film
    lines = lined(film, 4, frequency)
    lines, film = (lines.T, film.T) if turned else (lines, film)
    assert grid_line_score(film) < 0.5 < grid_line_score(lines)
    clean = remove_grid_lines(lines)
    assert np.std(clean - film) < 0.3 * np.std(lines - film)
    assert grid_line_score(clean) < 0.5


def test_a_film_without_lines_comes_back_unchanged(chest: Chest) -> None:
    film = grainy(chest(1)).astype(np.float32)
    np.testing.assert_array_equal(remove_grid_lines(film), film)


def test_the_score_of_grid_lines_grows_with_them(chest: Chest) -> None:
    scores = [grid_line_score(lined(grainy(chest(2)), amplitude)) for amplitude in (0, 0.5, 1, 4)]
    assert scores == sorted(scores) and scores[0] < 0.3 and scores[-1] > 0.9


def test_a_small_nodule_survives_the_notch(chest: Chest) -> None:
    film = grainy(chest(3))
    nodule = 12 * np.exp(-(((distance(256)[: film.shape[0], : film.shape[1]]) / 4) ** 2))
    with_it, without = remove_grid_lines(lined(film + nodule, 4)), remove_grid_lines(lined(film, 4))
    assert np.sum((with_it - without) * nodule) / np.sum(nodule**2) > 0.97


def test_rings_are_told_from_a_clean_slice_and_mostly_taken_away() -> None:
    for seed in range(4):
        clean = slice_of_body(seed)
        rings = ringed(clean, 30)
        assert ring_score(clean) < 0.5 < ring_score(rings)
        found = remove_rings(rings)
        inside = clean > -300
        assert np.std((found - clean)[inside]) < 0.6 * np.std((rings - clean)[inside])
        assert ring_score(found) < ring_score(rings)


def test_a_slice_without_rings_and_the_air_around_come_back_unchanged() -> None:
    clean = slice_of_body(5).astype(np.float32)
    np.testing.assert_array_equal(remove_rings(clean), clean)
    rings = ringed(clean, 30).astype(np.float32)
    air = rings < -300
    np.testing.assert_array_equal(remove_rings(rings)[air], rings[air])


def test_noise_alone_makes_no_rings() -> None:
    random = np.random.default_rng(9)
    for sigma in (10, 40, 80):
        assert ring_score(slice_of_body(1) + random.normal(0, sigma, (160, 160))) < 0.6


def test_rings_around_another_centre_are_found_where_it_is_told() -> None:
    clean = slice_of_body(2, 200)
    moved = np.roll(ringed(clean, 40) - clean, (12, -9), axis=(0, 1)) + clean
    centre = (99.5 + 12, 99.5 - 9)
    assert ring_score(moved, centre) > 0.9 > ring_score(moved)


def test_metal_is_told_from_bone_and_grows_with_its_area() -> None:
    clean = slice_of_body(0)
    assert metal_score(clean, (0.8, 0.8)) == 0.0
    scores = []
    for radius in (0.6, 1.5, 4):
        planted = clean.copy()
        planted[distance(160) < radius + 0.2] = 3071
        scores.append(metal_score(planted, (0.8, 0.8)))
    assert scores == sorted(scores) and scores[-1] > 0.99


def test_single_dense_voxels_are_no_metal() -> None:
    clean = slice_of_body(0)
    clean[::40, ::40] = 3071
    assert metal_score(clean, (0.5, 0.5)) < 0.2


@pytest.mark.parametrize("part", [2, 3, 4])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_ghost_is_told_from_the_anatomy_alone(part: int, axis: int) -> None:
    for seed in range(3):
        assert ghosting_score(head(seed)) < 0.5 < ghosting_score(ghosted(head(seed), 0.25, part, axis))


def test_a_plane_of_an_mr_is_enough_to_see_a_ghost() -> None:
    assert ghosting_score(head(1)[..., 4]) < 0.5 < ghosting_score(ghosted(head(1), 0.4)[..., 4])


@pytest.mark.parametrize("empty", [np.zeros((8, 8)), np.zeros((80, 80)), np.full((80, 80), 40.0)])
def test_what_shows_nothing_shows_no_fault(empty: np.ndarray) -> None:
    scores = [grid_line_score(empty), ring_score(empty), metal_score(empty, (1, 1)), ghosting_score(empty)]
    assert max(scores) < 0.5
