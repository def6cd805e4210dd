"""How large each lesion of a mask is: the volume, and the longest diameter that a reader would draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import find_objects
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected
from radloop.intervals import Floats


@dataclass(frozen=True)
class LesionSize:
    """Volume in ml and longest diameter in mm of one lesion; both 0 where it was looked for and is gone."""

    millilitres: float
    longest: float

    def __post_init__(self) -> None:
        if not (0 <= self.millilitres < np.inf and 0 <= self.longest < np.inf):
            raise StudyRejected(
                "lesion_size", f"{self.millilitres:g} ml and {self.longest:g} mm are no size.", "measure again"
            )


GONE = LesionSize(0.0, 0.0)


def lesion_sizes(mask: Volume) -> dict[int, LesionSize]:
    """The size of every label above 0 of a mask [i, j, k]; labels are lesions, the same ones in every study.

    A diameter lies within one slice across the body's length, from voxel edge to voxel edge, and may leave a lesion
    that is bent. Raises StudyRejected for labels that are no whole numbers from 0.
    Source: Eisenhauer 2009 (RECIST 1.1), section 3.
    """
    labels = mask.voxels
    whole = np.issubdtype(labels.dtype, np.integer) or np.issubdtype(labels.dtype, np.bool_)
    if (labels < 0).any() or not (whole or np.array_equal(labels, np.floor(labels))):
        raise StudyRejected("labels", "labels of the mask are no whole numbers from 0.", "number its lesions from 1")
    axes = mask.affine[:3, :3]
    along = int(np.argmax(np.abs(axes[2]) / mask.spacing))
    numbers = labels.astype(np.int32)
    found = {}
    for label, box in enumerate(find_objects(numbers), start=1):
        if box is not None:
            inside = np.moveaxis(numbers[box] == label, along, 0)
            steps = np.delete(axes, along, axis=1)
            volume = float(inside.sum() * abs(np.linalg.det(axes)) / 1000)
            found[label] = LesionSize(volume, max(_longest(part, steps) for part in inside if part.any()))
    return found


def _longest(inside: np.ndarray, steps: Floats) -> float:
    """Millimetres between the two outline points of bool [a, b] that lie furthest apart; `steps` [3, 2] per index."""
    rows = np.flatnonzero(inside.any(1))
    first = inside[rows].argmax(1)
    last = inside.shape[1] - 1 - inside[rows, ::-1].argmax(1)
    ends = np.concatenate([np.stack([rows, first], 1), np.stack([rows, last], 1)]).astype(float)
    # the middles of a voxel's four edges: corners would add a diagonal to every length
    outline = np.concatenate([ends + move for move in ((0, -0.5), (0, 0.5), (-0.5, 0), (0.5, 0))])
    hull = outline[ConvexHull(outline).vertices]
    return float(pdist(hull @ steps.T).max())
