"""RTSTRUCT to voxel masks and back: contours on planes, matched to slices by place.

Source: PS3.3 C.8.8.5 (Structure Set), C.8.8.6 (ROI Contour).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import RTStructureSetStorage

from radloop.dicom.contours import mask_polygons, polygon_mask
from radloop.dicom.read import items_of, text, values_of, whole
from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected

ON_SLICE = 0.1  # of the slice spacing: how far a contour may lie from the slice that it was drawn on
BEYOND = 0.01  # of a pixel: what rounding may put a point beyond the image's edge
_PLANAR = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


@dataclass(frozen=True, eq=False)
class Structure:
    """One region of interest: its number, its name, its contours as float64 [n, 3] in LPS mm, and their frame.

    The name is free text: show it to the user who asked, never in a log or a message.
    """

    number: int
    name: str = field(repr=False)
    contours: tuple[np.ndarray, ...] = field(repr=False)
    frame_of_reference: str = field(repr=False)


def read_structures(dataset: Dataset) -> list[Structure]:
    """The regions of an RTSTRUCT, in the order of the object; one without contours has none.

    Raises StudyRejected for another object, a contour that is no closed planar one, or malformed coordinates.
    """
    if text(dataset, "SOPClassUID") != RTStructureSetStorage:
        raise StudyRejected("not_rtstruct", "the object is no RT Structure Set.", "choose the RTSTRUCT")
    outlined: defaultdict[int, list[np.ndarray]] = defaultdict(list)
    for item in items_of(dataset, "ROIContourSequence"):
        number = whole(item, "ReferencedROINumber", -1)
        outlined[number] += [_points(contour, number) for contour in items_of(item, "ContourSequence")]
    regions = items_of(dataset, "StructureSetROISequence")
    told = [whole(region, "ROINumber", -2) for region in regions]
    if len(set(told)) != len(told) or not set(outlined) <= set(told):
        raise StudyRejected("roi_numbers", "contours and regions do not refer to each other.", "export it again")
    return [
        Structure(number, text(region, "ROIName"), tuple(outlined[number]), _frame_of(region))
        for number, region in zip(told, regions, strict=True)
    ]


def _frame_of(region: Dataset) -> str:
    return text(region, "ReferencedFrameOfReferenceUID")


def _points(contour: Dataset, number: int) -> np.ndarray:
    kind = text(contour, "ContourGeometricType").upper()
    if kind not in _PLANAR:
        raise StudyRejected(
            "contour_type", f"a contour of region {number} is no closed planar one.", "leave the region out"
        )
    try:
        values = np.array([float(str(value)) for value in values_of(contour, "ContourData")])
    except ValueError:
        values = np.empty(0)
    if len(values) < 9 or len(values) % 3 or not np.isfinite(values).all():
        raise StudyRejected(
            "contour_data", f"a contour of region {number} is not three points or more.", "export it again"
        )
    return values.reshape(-1, 3)


def structure_mask(structure: Structure, volume: Volume) -> np.ndarray:
    """The voxels whose centres lie inside the region's contours, as bool [i, j, k] on the volume's grid.

    Contours of one slice are combined odd-even, so holes stay holes. Raises StudyRejected for another frame of
    reference, no contour, and contours that lie on no slice, aslant, outside the image or on every other slice only.
    """
    number = structure.number
    if not structure.frame_of_reference or structure.frame_of_reference != volume.frame_of_reference:
        raise StudyRejected(
            "frame_of_reference", f"region {number} is told in another frame of reference.", "choose its images"
        )
    if not structure.contours:
        raise StudyRejected("no_contours", f"region {number} has no contour.", "leave the region out")
    by_slice: defaultdict[int, list[np.ndarray]] = defaultdict(list)
    for contour in structure.contours:
        k, polygon = slice_of(contour, volume, number)
        by_slice[k].append(polygon)
    _require_no_skipping(sorted(by_slice), number)
    mask = np.zeros(volume.voxels.shape, bool, order="F")
    for k, polygons in by_slice.items():
        mask[:, :, k] = polygon_mask(polygons, mask[:, :, k].shape)
    return mask


def slice_of(contour: np.ndarray, volume: Volume, number: int) -> tuple[int, np.ndarray]:
    """The slice that a contour [n, 3] of region `number` lies on, and its points there as indices (i, j) [n, 2].

    Raises StudyRejected where it lies on none, aslant, or leaves the image.
    """
    indices = volume.indices(contour)
    k = int(np.rint(np.median(indices[:, 2])))
    if (off := np.abs(indices[:, 2] - k).max()) > ON_SLICE:
        raise StudyRejected(
            "contour_off_slice",
            f"a contour of region {number} lies {off:.2f} slice spacings from the nearest slice.",
            "choose the images that it was drawn on",
        )
    edge = np.array(volume.voxels.shape[:2]) - 0.5 + BEYOND
    if not 0 <= k < volume.voxels.shape[2] or (indices[:, :2] < -0.5 - BEYOND).any() or (indices[:, :2] > edge).any():
        raise StudyRejected(
            "contour_outside", f"a contour of region {number} leaves the image.", "choose the images it was drawn on"
        )
    return k, indices[:, :2]


def _require_no_skipping(slices: Sequence[int], number: int) -> None:
    """Regions drawn on every other slice are meant to be filled in between, and nobody told how."""
    if len(slices) > 2 and (least := int(np.diff(slices).min())) > 1:
        raise StudyRejected(
            "contours_skip_slices",
            f"region {number} is drawn on every {least}th slice at the most.",
            "interpolate the contours where they were drawn",
        )


def mask_structure(mask: np.ndarray, volume: Volume, number: int, name: str) -> Structure:
    """The outlines of a mask [i, j, k] along its voxels' sides, slice by slice, as a region with a number and name.

    `structure_mask` gives the mask back exactly. Raises StudyRejected for a mask of another grid or without a voxel.
    """
    volume.with_voxels(mask)  # asks for the same grid
    if not mask.any():
        raise StudyRejected("empty_mask", f"the mask of region {number} has no voxel.", "leave the region out")
    contours = []
    for k in np.flatnonzero(mask.any(axis=(0, 1))):
        for outline in mask_polygons(mask[:, :, k].astype(bool)):
            contours.append(volume.positions(np.column_stack([outline, np.full(len(outline), k)])))
    return Structure(number, name, tuple(contours), volume.frame_of_reference)
