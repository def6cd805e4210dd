"""A detector that is no longer new: dead lines, uneven gain and fewer counts."""

import numpy as np

from radloop.simulate.kernels import Plane, resize
from radloop.simulate.textures import TILE, cut


def worn(counts: Plane, wear: float, unit: int) -> Plane:
    """Spoil counts as an ageing panel does; the pattern belongs to the `unit`, not to the study.

    wear: 0 new to 1 worn out. Returns float32 counts >= 1 of the same shape.
    """
    if wear <= 0:
        return counts
    size = counts.shape[0]
    rng = np.random.default_rng([unit, 31])
    part = min(size, TILE)
    uneven = np.float32(0.10 * wear) * cut(rng, part, 2.0, 200)
    uneven += np.float32(0.035 * wear) * cut(rng, part, 0.0, TILE)
    spoiled = counts * np.exp(resize(uneven, size, size))
    columns = rng.integers(0, size, int(1 + 7 * wear))
    spoiled[:, columns] *= (1 - wear * rng.uniform(0.25, 0.6, len(columns))).astype(np.float32)
    blocks = rng.integers(0, 8, 2)
    edge = size // 8
    spoiled[:, blocks[0] * edge : (blocks[0] + 1) * edge] *= np.float32(1 - 0.12 * wear)
    return np.maximum(spoiled, np.float32(1))
