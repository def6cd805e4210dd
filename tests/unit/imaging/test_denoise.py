from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from radloop.errors import ConfigurationError, StudyRejected
from radloop.imaging.denoise import apply
from radloop.sections.noise import Denoise, NonLocalMeans

MM = (1.0, 1.0, 3.0)


def noisy_film() -> np.ndarray:
    film = np.zeros((96, 96))
    film[20:70, 30:80] = 100.0
    return film + 500 + np.random.default_rng(0).normal(0, 5, film.shape)


def test_nothing_is_done_by_default_and_the_very_image_comes_back() -> None:
    film = noisy_film().astype(np.uint16)
    assert apply(film, (1, 1), Denoise()) is film


@pytest.mark.parametrize(
    "settings",
    [
        Denoise(grid_lines="notch"), Denoise(rings="polar_median"), Denoise(noise="non_local_means"),
        Denoise(bias_field="histogram_sharpening"),
        Denoise(grid_lines="notch", noise="non_local_means", bias_field="histogram_sharpening"),
    ],
)  # fmt: skip
def test_equal_settings_give_equal_bytes_whatever_the_threads_and_the_memory_order(settings: Denoise) -> None:
    from threadpoolctl import threadpool_limits

    film = noisy_film()
    before = film.copy()
    with threadpool_limits(1):
        first = apply(film, (0.5, 0.5), settings)
    second = apply(np.asfortranarray(film), (0.5, 0.5), Denoise(**settings.model_dump()))
    assert first.tobytes() == second.tobytes() and first.dtype == np.float32 and first.shape == film.shape
    np.testing.assert_array_equal(film, before)


def test_threads_of_torch_are_given_back() -> None:
    before = torch.get_num_threads()
    from radloop.imaging.learned import one_thread

    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_rings_of_a_volume_are_sought_slice_by_slice() -> None:
    slices = np.stack([noisy_film()[:64, :64], noisy_film()[32:, 32:]], axis=2)
    settings = Denoise(rings="polar_median", artefact_above=0.0)
    found = apply(slices, MM, settings)
    for k in range(2):
        np.testing.assert_array_equal(found[..., k], apply(slices[..., k], MM[:2], settings))


@pytest.mark.parametrize(
    ("image", "spacing", "reason"),
    [
        (np.zeros((4, 4, 4, 4)), (1, 1, 1, 1), "image_size"),
        (np.zeros((0, 4)), (1, 1), "image_size"),
        (np.zeros((8, 8)), (1, 1, 1), "no_geometry"),
        (np.zeros((8, 8)), (1, 0), "no_geometry"),
        (np.full((8, 8), np.nan), (1, 1), "not_a_number"),
    ],
)
def test_what_is_no_image_is_refused_with_a_reason(image: np.ndarray, spacing: tuple[float, ...], reason: str) -> None:
    with pytest.raises(StudyRejected) as told:
        apply(image, spacing, Denoise(noise="non_local_means"))
    assert told.value.reason == reason


def test_grid_lines_are_not_sought_in_volumes() -> None:
    with pytest.raises(ConfigurationError, match="radiographs"):
        apply(np.zeros((8, 8, 8)), MM, Denoise(grid_lines="notch"))


@pytest.mark.parametrize(
    "knobs",
    [{"noise": "wavelets"}, {"noise": "learned"}, {"nosie": "none"}, {"artefact_above": 2},
     {"non_local_means": {"search": 0}}, {"bias": {"distance": 0}}],
)  # fmt: skip
def test_a_misspelt_or_senseless_knob_is_an_error(knobs: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Denoise(**knobs)  # type: ignore[arg-type]


def test_settings_are_frozen_and_survive_json() -> None:
    settings = Denoise(noise="non_local_means", non_local_means=NonLocalMeans(noise="rician", sigma=3.0))
    assert Denoise(**settings.model_dump(mode="json")) == settings
    with pytest.raises(ValidationError):
        settings.noise = "none"  # type: ignore[misc]
