"""Projection of the network's embedding to the few dimensions that a prediction logs."""

from __future__ import annotations

import numpy as np


def project(embedding: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Project embeddings on principal components, because 16 numbers per prediction are enough to see drift.

    `embedding`: [n, d]; `mean`: [d]; `components`: [k, d]. Returns float32 [n, k].
    """
    return np.asarray((embedding - mean) @ components.T, np.float32)


def principal_components(embedding: np.ndarray, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Fit the projection: the mean [d] and the first components [k, d] of `embedding` [n, d], float32.

    k is at most `dimensions`, n - 1 and d. Signs are fixed (the largest weight is positive), so that equal data give
    an equal projection on every machine.
    """
    mean = embedding.mean(axis=0)
    _, _, directions = np.linalg.svd(embedding.astype(np.float64) - mean, full_matrices=False)
    components = directions[: max(1, min(dimensions, len(embedding) - 1))]
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(len(components)), largest])
    signs[signs == 0] = 1.0
    return mean.astype(np.float32), (components * signs[:, None]).astype(np.float32)
