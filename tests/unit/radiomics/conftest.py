"""Regions that fit on a hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from radloop.dicom.volume import Volume

Draw = Callable[..., Volume]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """A volume of some voxels [i, j, k] with a spacing in mm."""

    def volume(voxels: np.ndarray, spacing: Sequence[float] = (1, 1, 1)) -> Volume:
        return Volume(np.asarray(voxels), np.diag([*spacing, 1.0]))

    return volume


@pytest.fixture(scope="session")
def lump() -> tuple[np.ndarray, np.ndarray]:
    """Whole-number intensities and a crooked region that touches no edge, of shape (9, 8, 7)."""
    random = np.random.default_rng(7)
    values = random.integers(1, 6, (9, 8, 7)).astype(np.float32)
    inside = np.zeros(values.shape, np.uint8)
    inside[2:7, 1:6, 2:6] = random.random((5, 5, 4)) < 0.8
    return values, inside
