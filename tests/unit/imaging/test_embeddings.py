from __future__ import annotations

import numpy as np

from radloop.imaging.embeddings import principal_components, project


def test_the_projection_keeps_the_directions_that_vary_most() -> None:
    rng = np.random.default_rng(0)
    embedding = rng.normal(0, [9, 5, 0.1, 0.1], (400, 4)).astype(np.float32) + 3
    mean, components = principal_components(embedding, 2)
    projected = project(embedding, mean, components)
    assert projected.shape == (400, 2) and projected.dtype == np.float32
    assert np.allclose(projected.std(axis=0), [9, 5], rtol=0.1)
    assert np.abs(projected.mean(axis=0)).max() < 1e-3
    assert np.allclose(components @ components.T, np.eye(2), atol=1e-5)


def test_the_sign_of_a_component_does_not_depend_on_the_order_of_rows() -> None:
    embedding = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    assert np.allclose(principal_components(embedding, 3)[1], principal_components(embedding[::-1], 3)[1], atol=1e-5)


def test_fewer_images_than_dimensions_give_fewer_components() -> None:
    _, components = principal_components(np.eye(5, 8, dtype=np.float32), 16)
    assert components.shape == (4, 8)
