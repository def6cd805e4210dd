from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from radloop.errors import ConfigurationError, StudyRejected
from radloop.files import sha256_file
from radloop.imaging.denoise import apply
from radloop.imaging.learned import Architecture, Denoiser, run
from radloop.modeling.denoiser import Lesson, save_denoiser
from radloop.sections.noise import Denoise


@pytest.fixture
def film() -> np.ndarray:
    return np.random.default_rng(0).normal(900, 40, (40, 33))


@pytest.fixture
def network() -> Denoiser:
    """Not taught, and with a last layer that does something."""
    torch.manual_seed(0)
    found = Denoiser(Architecture(4, 3))
    torch.nn.init.normal_(found.noise[-1].weight, std=0.1)  # type: ignore[arg-type]
    return found.eval().requires_grad_(False)


def test_an_untrained_denoiser_changes_nothing(film: np.ndarray) -> None:
    np.testing.assert_allclose(run(Denoiser(Architecture(4, 3)), film), film, rtol=1e-5)


def test_the_unit_of_a_film_does_not_matter(film: np.ndarray, network: Denoiser) -> None:
    np.testing.assert_allclose(run(network, 16 * film + 300), 16 * run(network, film) + 300, rtol=1e-4)


def test_weights_come_back_from_their_file_and_equal_lessons_are_equal_bytes(
    film: np.ndarray, network: Denoiser, tmp_path: Path
) -> None:
    lesson = Lesson(architecture=Architecture(4, 3))
    digest = save_denoiser(network, lesson, tmp_path / "a.safetensors")
    assert (
        digest == save_denoiser(network, lesson, tmp_path / "b.safetensors") == sha256_file(tmp_path / "a.safetensors")
    )
    settings = Denoise(noise="learned", weights=str(tmp_path / "a.safetensors"), sha256=digest)
    found = apply(film, (1, 1), settings)
    assert found.tobytes() == run(network, film.astype(np.float32)).tobytes()
    assert found.tobytes() == apply(film, (1, 1), settings).tobytes()


def test_other_weights_than_declared_are_refused(film: np.ndarray, network: Denoiser, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_denoiser(network, Lesson(architecture=Architecture(4, 3)), path)
    with pytest.raises(ConfigurationError, match="sha256 begins"):
        apply(film, (1, 1), Denoise(noise="learned", weights=str(path), sha256="0" * 64))
    with pytest.raises(ConfigurationError, match="no weights"):
        apply(film, (1, 1), Denoise(noise="learned", weights=str(tmp_path / "absent"), sha256="0" * 64))


def test_a_file_that_is_no_denoiser_is_refused(film: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"not tensors")
    with pytest.raises(ConfigurationError, match="no denoiser"):
        apply(film, (1, 1), Denoise(noise="learned", weights=str(path), sha256=sha256_file(path)))


def test_a_volume_is_refused_for_it_was_taught_on_radiographs(tmp_path: Path) -> None:
    settings = Denoise(noise="learned", weights=str(tmp_path / "any"), sha256="0" * 64)
    with pytest.raises(StudyRejected, match="no radiograph"):
        apply(np.zeros((8, 8, 8)), (1, 1, 1), settings)


def test_a_film_of_one_value_comes_back(network: Denoiser) -> None:
    np.testing.assert_array_equal(run(network, np.full((20, 20), 7.0)), np.full((20, 20), 7.0))
