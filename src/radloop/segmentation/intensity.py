"""Grey values as a network wants them: around 0, on one scale for all where the scale means something."""

from __future__ import annotations

import numpy as np

from radloop.sections import Section

#: Units whose values mean the same in every image: Hounsfield units, and uptake by body weight.
ABSOLUTE = ("HU", "g/ml")


class Intensity(Section):
    """How one channel is scaled.

    `each`: by the mean and deviation of its own voxels; else values are clipped to `low` and `high` and scaled by
    `mean` and `deviation`, which are those of the foreground in the data.
    """

    each: bool
    low: float
    high: float
    mean: float
    deviation: float

    def apply(self, voxels: np.ndarray) -> np.ndarray:
        """Scaled values, float32 of the same shape. A constant image becomes 0 where each is scaled by its own."""
        values = np.asarray(voxels, np.float32)
        if self.each:
            return np.asarray((values - values.mean()) / max(float(values.std()), 1e-6), np.float32)
        clipped = np.clip(values, self.low, self.high)
        return np.asarray((clipped - self.mean) / max(self.deviation, 1e-6), np.float32)
