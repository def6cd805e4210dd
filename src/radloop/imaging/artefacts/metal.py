"""Metal on CT: denser than any bone, and with streaks that hide what lies around it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label, sum_labels

from radloop.imaging.artefacts.scores import score

#: HU that no bone or tooth reaches; scanners without an extended scale end at 3071.
DENSE = 2500.0
#: mm2 of the largest dense piece of a slice: usual (a voxel of noise or of enamel), and clear.
USUAL, CLEAR = 0.5, 6.0


def metal_score(slice_: np.ndarray, spacing: tuple[float, float]) -> float:
    """How large the largest piece of metal on an axial CT slice is: 0 (none) to 1 (beyond doubt).

    Nothing corrects it: streaks mix the whole path of a ray, and the rays themselves are not stored.
    `slice_`: [h, w] in HU; `spacing`: mm per pixel down and across.
    """
    pieces, count = label(slice_ > DENSE)
    if count == 0:
        return 0.0
    largest = float(np.max(sum_labels(np.ones(slice_.shape), pieces, range(1, count + 1))))
    return score(largest * spacing[0] * spacing[1], USUAL, CLEAR)
