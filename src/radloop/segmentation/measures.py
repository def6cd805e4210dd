"""How well one case was segmented, label by label: overlap, distance of surfaces in mm, error of volume.

Conventions, for there is no agreed one where a label is empty. Neither has it: `absent`, nothing is measured but a
volume error of 0. One alone has it: `missed` or `invented`, both Dice are 0, and there is no distance to nothing, so
None; counting these states beside a mean of distances keeps it from looking good by leaving them out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt, find_objects

from radloop.errors import StudyRejected

State = Literal["found", "missed", "invented", "absent"]
MM3_PER_ML = 1000.0


@dataclass(frozen=True)
class Agreement:
    """One label of one case. `volume_error_ml`: predicted less true; `volume_error`: that as a share of the true."""

    state: State
    dice: float | None
    surface_dice: float | None
    hausdorff_95_mm: float | None
    volume_error_ml: float
    volume_error: float | None


def measure_case(
    predicted: np.ndarray, truth: np.ndarray, spacing: Iterable[float], labels: Iterable[int], tolerance_mm: float
) -> dict[int, Agreement]:
    """How each of `labels` agrees in two masks, whole numbers [...] on one grid of `spacing` in mm per axis.

    Raises StudyRejected("grid") for masks of other shapes or axes, StudyRejected("undeclared_label") for a number
    other than 0 that is not among `labels`.
    """
    declared, sides = tuple(labels), tuple(float(side) for side in spacing)
    if predicted.shape != truth.shape or len(sides) != truth.ndim:
        raise StudyRejected(
            "grid", f"masks of {predicted.shape} and {truth.shape} with {len(sides)} spacings.", "resample one of them"
        )
    for mask in (predicted, truth):
        if strangers := sorted(set(np.unique(mask).tolist()) - {0, *declared}):
            raise StudyRejected(
                "undeclared_label", f"a mask has {strangers}, and {declared} are declared.", "declare it or correct it"
            )
    return {label: measure(predicted == label, truth == label, sides, tolerance_mm) for label in declared}


def measure(predicted: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...], tolerance_mm: float) -> Agreement:
    """How two masks, bool [...], agree; a surface within `tolerance_mm` of the other counts as the same."""
    voxel = float(np.prod(spacing)) / MM3_PER_ML
    found, true = int(predicted.sum()), int(truth.sum())
    error = (found - true) * voxel
    if not found or not true:
        state: State = "absent" if found == true else "missed" if true else "invented"
        overlap = None if state == "absent" else 0.0
        return Agreement(state, overlap, overlap, None, error, -1.0 if true else None)
    there, back = surface_distances(predicted, truth, spacing)
    near = int((there <= tolerance_mm).sum() + (back <= tolerance_mm).sum())
    return Agreement(
        "found",
        dice=2.0 * int((predicted & truth).sum()) / (found + true),
        surface_dice=near / (len(there) + len(back)),
        hausdorff_95_mm=float(max(np.percentile(there, 95), np.percentile(back, 95))),
        volume_error_ml=error,
        volume_error=(found - true) / true,
    )


def surface_distances(
    one: np.ndarray, other: np.ndarray, spacing: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Millimetres from each surface voxel of one mask to the nearest of the other, and back; neither is empty.

    A surface voxel shares a face with a voxel outside, beyond the edge of the image too. Each counts once, so a
    surface across thick slices weighs less than its area. Source: the definitions of Nikolov et al., J Med Internet
    Res 2021, on voxels.
    """
    (box,) = find_objects((one | other).astype(np.uint8))
    first, second = _surface(one[box]), _surface(other[box])
    there = distance_transform_edt(~second, sampling=spacing)[first]
    back = distance_transform_edt(~first, sampling=spacing)[second]
    return np.asarray(there), np.asarray(back)


def _surface(mask: np.ndarray) -> np.ndarray:
    return np.asarray(mask & ~binary_erosion(mask))
