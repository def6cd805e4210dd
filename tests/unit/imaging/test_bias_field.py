from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from radloop.imaging.bias_field import bias_field, correct_bias_field
from radloop.sections.noise import BiasField

MM = (3.0, 3.0, 4.0)
TISSUES = np.array([0.0, 60.0, 100.0, 140.0])


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    """A head of three tissues in patches, within air."""
    shape = (56, 56, 32)
    random = np.random.default_rng(1)
    away = np.sqrt(sum(axis**2 for axis in grid(shape)))
    patches = gaussian_filter(random.normal(size=shape), 4)
    found = (away < 0.95).astype(int)
    found[(away < 0.9) & (patches > 0.2 * patches.std())] = 2
    found[(away < 0.9) & (patches > 1.2 * patches.std())] = 3
    return found


def grid(shape: tuple[int, ...]) -> list[np.ndarray]:
    return list(np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij"))


def planted(shape: tuple[int, ...], strength: float) -> np.ndarray:
    i, j, k = grid(shape)
    return np.asarray(np.exp(strength * (0.35 * i + 0.2 * j**2 - 0.15 * k)))


def scanned(labels: np.ndarray, strength: float) -> np.ndarray:
    noise = np.random.default_rng(2).normal(0, 3, labels.shape)
    return np.abs(TISSUES[labels] * planted(labels.shape, strength) + noise)


def variation(values: np.ndarray) -> float:
    return float(values.std() / values.mean())


@pytest.mark.parametrize("strength", [0.5, 1.0, 1.8])
def test_a_planted_field_is_found_to_a_quarter_of_its_variation(labels: np.ndarray, strength: float) -> None:
    field = planted(labels.shape, strength)
    left = field / bias_field(scanned(labels, strength), MM, BiasField())
    inside = labels > 0
    assert variation(left[inside]) < 0.25 * variation(field[inside])


def test_each_tissue_becomes_even_and_the_contrast_between_tissues_stays(labels: np.ndarray) -> None:
    image = scanned(labels, 1.0)
    found = correct_bias_field(image, MM, BiasField())
    for label in (1, 2, 3):
        assert variation(found[labels == label]) < 0.4 * variation(image[labels == label])
    means = [found[labels == label].mean() for label in (1, 2, 3)]
    np.testing.assert_allclose(np.array(means) / means[1], TISSUES[1:] / TISSUES[2], rtol=0.05)
    assert found[labels > 0].mean() == pytest.approx(image[labels > 0].mean(), rel=0.05)


def test_an_image_without_a_field_is_left_nearly_as_it_is(labels: np.ndarray) -> None:
    field = bias_field(scanned(labels, 0.0), MM, BiasField())
    assert variation(field[labels > 0]) < 0.03


def test_a_field_in_a_plane_is_found_too(labels: np.ndarray) -> None:
    truth, image = planted(labels.shape, 1.0)[..., 16], scanned(labels, 1.0)[..., 16]
    inside = labels[..., 16] > 0
    left = truth / bias_field(image, MM[:2], BiasField())
    assert variation(left[inside]) < 0.4 * variation(truth[inside])


@pytest.mark.parametrize("image", [np.zeros((30, 30, 30)), np.full((30, 30, 30), 7.0), np.ones((4, 4, 4))])
def test_an_image_that_tells_nothing_has_no_field(image: np.ndarray) -> None:
    np.testing.assert_array_equal(bias_field(image, (1, 1, 1), BiasField()), np.ones(image.shape))
