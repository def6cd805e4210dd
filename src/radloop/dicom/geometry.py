"""Planes to one affine, by position and orientation alone, or a refusal that says why there is none.

Instance numbers, file names and SpacingBetweenSlices are not looked at: they are counters and hopes, and
ImagePositionPatient is a measurement (PS3.3 C.7.6.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from radloop.dicom.read import numbers, text, whole
from radloop.errors import StudyRejected

UNEVEN = 0.02  # of the slice spacing: what rounding to two decimals does to thin slices
ROUNDED = 1e-3  # of a unit vector: direction cosines told with three decimals
TURNED = 1e-4  # of a unit vector: one scanner prints one orientation with the same digits
TILTED = 0.1  # degrees between the stack and its normal; rounded cosines stay below, the least gantry tilt above
SAME_PLACE = 0.01  # of the pixel spacing: two slices nearer than this lie in one place


@dataclass(frozen=True, eq=False)
class Plane:
    """Where one image lies: centre of its first pixel, unit vectors along a row and down a column, all in LPS.

    `spacing` is PixelSpacing: millimetres between rows, then between columns. `shape` is Rows, Columns.
    """

    position: np.ndarray
    along_row: np.ndarray
    down_column: np.ndarray
    spacing: np.ndarray
    shape: tuple[int, int]
    frame_of_reference: str

    @property
    def normal(self) -> np.ndarray:
        """The unit vector that makes the axes right-handed: slices are counted along it."""
        return np.cross(self.along_row, self.down_column)


def plane_of(header: Dataset) -> Plane:
    """The plane of a header, unit vectors made exactly so.

    Source: PS3.3 C.7.6.2.1.1. Raises StudyRejected where the header does not place the image.
    """
    orientation = _told(header, "ImageOrientationPatient", 6).reshape(2, 3)
    spacing = _told(header, "PixelSpacing", 2)
    if not (spacing > 0).all():
        raise StudyRejected("no_PixelSpacing", "PixelSpacing is not above 0.", "correct it at its source")
    if not text(header, "FrameOfReferenceUID"):
        raise StudyRejected(
            "no_FrameOfReferenceUID", "FrameOfReferenceUID is missing: positions refer to nothing.", "export it again"
        )
    lengths = np.linalg.norm(orientation, axis=1)
    if np.abs(lengths - 1).max() > ROUNDED or abs(orientation[0] @ orientation[1]) > ROUNDED:
        raise StudyRejected(
            "orientation", "ImageOrientationPatient is not two unit vectors at a right angle.", "correct the export"
        )
    along_row = orientation[0] / lengths[0]
    down_column = orientation[1] - (orientation[1] @ along_row) * along_row
    return Plane(
        _told(header, "ImagePositionPatient", 3),
        along_row,
        down_column / np.linalg.norm(down_column),
        spacing,
        (whole(header, "Rows", 0), whole(header, "Columns", 0)),
        text(header, "FrameOfReferenceUID"),
    )


def _told(header: Dataset, keyword: str, count: int) -> np.ndarray:
    values = numbers(header, keyword, count)
    if values is None:
        raise StudyRejected(f"no_{keyword}", f"{keyword} is not {count} numbers.", "send images that tell it")
    return values


def require_alike(planes: Sequence[Plane]) -> None:
    """Ask that all planes have one size, pixel spacing, orientation and frame of reference.

    Raises StudyRejected and names the first difference: a series of two stacks has no one affine.
    """
    first = planes[0]
    for plane in planes[1:]:
        if plane.frame_of_reference != first.frame_of_reference:
            _refuse_mixture("frame_of_reference", "FrameOfReferenceUID")
        turn = max(np.abs(plane.normal - first.normal).max(), np.abs(plane.along_row - first.along_row).max())
        if turn > TURNED:
            _refuse_mixture("orientation", "ImageOrientationPatient")
        if plane.shape != first.shape:
            _refuse_mixture("size", "Rows or Columns")
        if not np.allclose(plane.spacing, first.spacing, rtol=ROUNDED, atol=0):
            _refuse_mixture("pixel_spacing", "PixelSpacing")


def _refuse_mixture(what: str, keyword: str) -> None:
    raise StudyRejected(f"mixed_{what}", f"{keyword} differs within the series.", "send each stack as its own series")


def require_tilt_told_once(plane: Plane, header: Dataset) -> None:
    """Ask that GantryDetectorTilt does not contradict an untilted orientation: one of the two is wrong then.

    Raises StudyRejected; which one is wrong cannot be seen from the file.
    """
    tilt = numbers(header, "GantryDetectorTilt", 1)
    if tilt is not None and abs(tilt[0]) >= 1 and abs(plane.normal[2]) > np.cos(np.radians(TILTED)):
        raise StudyRejected(
            "gantry_tilt",
            f"GantryDetectorTilt is {tilt[0]:g} degrees and ImageOrientationPatient is not tilted.",
            "send the original images",
        )


def depths(planes: Sequence[Plane]) -> np.ndarray:
    """Millimetres along the common normal [n]: the order of the slices, and the only one there is."""
    normal = planes[0].normal
    return np.array([plane.position @ normal for plane in planes])


def stack_affine(planes: Sequence[Plane], slice_spacing: float | None, sheared: bool) -> np.ndarray:
    """The affine [4, 4] in LPS of planes that lie in order of depth, each at a place of its own.

    `slice_spacing` is used for a single plane alone. A stack that leaves its normal (gantry tilt) is refused, or
    with `sheared` told as it is by a sheared affine. Source: PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1.
    Raises StudyRejected for a gap, mixed spacing, a drift, a tilt, or one plane of unknown spacing.
    """
    first = planes[0]
    step = _only_step(first, slice_spacing) if len(planes) == 1 else _even_step(planes)
    tilt = np.degrees(np.arccos(min(1.0, float(step @ first.normal / np.linalg.norm(step)))))
    if tilt > TILTED and not sheared:
        raise StudyRejected(
            "gantry_tilt",
            f"the slices are stacked {tilt:.2f} degrees off their normal.",
            "read it with sheared=True, which tells the tilt in the affine",
        )
    affine = np.eye(4)
    affine[:3, 0] = first.along_row * first.spacing[1]
    affine[:3, 1] = first.down_column * first.spacing[0]
    affine[:3, 2] = step
    affine[:3, 3] = first.position
    return affine


def _only_step(plane: Plane, slice_spacing: float | None) -> np.ndarray:
    if slice_spacing is None:
        raise StudyRejected(
            "one_slice", "one slice without SpacingBetweenSlices has no third dimension.", "send the whole series"
        )
    return plane.normal * slice_spacing


def _even_step(planes: Sequence[Plane]) -> np.ndarray:
    """The vector from each slice to the next, after every slice was found where it leads."""
    _require_even(depths(planes))
    positions = np.array([plane.position for plane in planes])
    step = (positions[-1] - positions[0]) / (len(planes) - 1)
    led = positions[0] + np.arange(len(planes))[:, None] * step
    if (off := np.linalg.norm(positions - led, axis=1).max()) > UNEVEN * np.linalg.norm(step):
        raise StudyRejected(
            "drifting_slices", f"a slice lies {off:.3f} mm beside the line of the others.", "send one stack"
        )
    return np.asarray(step)


def _require_even(depth: np.ndarray) -> None:
    """Tell a gap from mixed spacing: a gap is a rare whole multiple, a mixture is anything else."""
    steps = np.diff(depth)
    least = np.median(steps[steps < 1.5 * steps.min()])
    ratios = steps / least
    wide = ratios > 1.5
    whole_ones = np.abs(ratios - np.rint(ratios)) <= 2 * UNEVEN * np.maximum(1, ratios)
    if wide.any() and whole_ones.all() and wide.sum() <= max(1, len(steps) // 4):
        at = int(np.argmax(wide))
        raise StudyRejected(
            "missing_slice",
            f"{int(np.rint(ratios[wide] - 1).sum())} of the slices are missing, the first behind slice {at + 1}"
            f" of {len(depth)}.",
            "send the whole series",
        )
    if np.abs(ratios - 1).max() > 2 * UNEVEN:  # each end of a step may be off by UNEVEN
        raise StudyRejected(
            "mixed_slice_spacing",
            f"slices lie between {steps.min():.3f} and {steps.max():.3f} mm apart.",
            "send each stack as its own series",
        )
