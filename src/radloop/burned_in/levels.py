"""Letters of one grey level, as screens and scanners write them: exact, whatever lies behind."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

MOST = 8  # levels that are looked at
SPREADS = 5.0  # of what counts differ by, from which a level is commoner than those beside it
FEWEST_PIXELS = 40  # of it beyond what is expected
LARGEST = 0.2  # of the picture; a commoner level is background


def drawn_levels(stored: np.ndarray) -> Iterator[np.ndarray]:
    """Where each level [rows, columns] stands that is far commoner than its neighbours; none beyond 256 levels."""
    picture = stored if stored.ndim == 2 else stored.max(axis=2)
    lowest = int(picture.min())
    if int(picture.max()) - lowest > 255:
        return
    picture = (picture.astype(np.int32) - lowest).astype(np.uint8)
    counts = np.bincount(picture.ravel(), minlength=256)
    expected = ndimage.median_filter(counts, 7, mode="mirror")
    excess = counts - expected
    excess[(excess < SPREADS * np.sqrt(expected)) | (counts > LARGEST * picture.size)] = 0
    for level in np.argsort(-excess, kind="stable")[:MOST]:
        if excess[level] >= FEWEST_PIXELS:
            yield picture == level
