"""The region of interest as features see it: cut out, resampled, re-segmented; refused where any of it is a guess."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected
from radloop.radiomics.grid import Grid, Slices
from radloop.radiomics.knobs import Resample, Resegment, RoiSettings

ON_GRID = 0.01  # of a voxel: how far a mask's corners may lie from its image's
REACH = 6.2035049  # mm: the radius of a sphere of 1 cm3, over which local intensity peaks are averaged
_SPLINE = 24  # voxels beyond the region that a cubic spline is fitted to: what lies further changes nothing above 1e-13
_ORDERS = {"nearest": 0, "linear": 1, "cubic": 3}


@dataclass(frozen=True, eq=False)
class Region:
    """A box around the region: `values` float64 [i, j, k], the masks of shape and of intensity, `spacing` in mm [3].

    The box reaches beyond the region by the radius of a local peak, as far as the image does.
    """

    values: np.ndarray = field(repr=False)
    shape: np.ndarray = field(repr=False)
    counted: np.ndarray = field(repr=False)
    spacing: np.ndarray


def region(image: Volume, mask: Volume, settings: RoiSettings) -> Region:
    """The region of `mask` in `image`, ready to be counted.

    Raises StudyRejected where the mask lies on another grid or is empty, the image holds what is no number around it,
    voxels are longer than `largest_anisotropy` allows, or nothing is left after resampling or re-segmentation.
    """
    _require_grid(image, mask)
    inside = mask.voxels != 0 if settings.label is None else mask.voxels == settings.label
    if not inside.any():
        raise StudyRejected("empty_mask", "no voxel of the mask is in the region.", "check the mask and its label")
    grid = _grid(image, settings.resample)
    reach = np.ceil(REACH / image.spacing).astype(int)
    box = _box(inside, reach + (1 if grid is None else np.ceil(grid.step).astype(int) + _SPLINE))
    values, inside = np.asarray(image.voxels[box], np.float64), inside[box]
    if not np.isfinite(values).all():
        raise StudyRejected("not_a_number", "voxels in or around the region are no numbers.", "mend the image")
    spacing = image.spacing
    if grid is not None:
        spacing = grid.spacing
        values, inside = _resampled(values, inside, box, grid, settings.resample)
    _require_proportion(spacing, settings)
    if not inside.any():
        raise StudyRejected("empty_mask", "no voxel of the region is left by resampling.", "choose a finer spacing")
    return Region(values, inside, _resegmented(values, inside, settings.resegment), np.asarray(spacing, np.float64))


def _require_grid(image: Volume, mask: Volume) -> None:
    if mask.voxels.shape != image.voxels.shape:
        raise StudyRejected(
            "grid", f"a mask of {mask.voxels.shape} is not of an image of {image.voxels.shape}.", "choose its image"
        )
    sizes = image.voxels.shape
    corners = np.array([(i, j, k) for i in (0, sizes[0]) for j in (0, sizes[1]) for k in (0, sizes[2])])
    apart = np.abs(mask.positions(corners) - image.positions(corners)).max()
    if apart > ON_GRID * image.spacing.min():
        raise StudyRejected("grid", f"mask and image lie {apart:.2f} mm apart.", "resample the mask to its image")


def _require_proportion(spacing: np.ndarray, settings: RoiSettings) -> None:
    ratio = float(spacing.max() / spacing.min())
    in_space = any(one.startswith("3D") for one in settings.aggregations) or "morph" in settings.families
    if in_space and ratio > settings.largest_anisotropy:
        raise StudyRejected(
            "anisotropy",
            f"voxels are {ratio:.1f} times as long as wide, more than {settings.largest_anisotropy:g}.",
            "resample to a finer spacing, or ask for 2D features alone",
        )


def _box(inside: np.ndarray, beyond: np.ndarray) -> Slices:
    """Where the region is and `beyond` [3] voxels around it, as far as the array goes."""
    parts = []
    for axis in range(3):
        found = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis})))
        start, stop = found[0] - beyond[axis], found[-1] + 1 + beyond[axis]
        parts.append(slice(max(0, int(start)), min(inside.shape[axis], int(stop))))
    return tuple(parts)


def _resegmented(values: np.ndarray, inside: np.ndarray, knobs: Resegment) -> np.ndarray:
    counted = inside
    if knobs.range:
        counted = counted & (values >= knobs.range[0]) & (values <= knobs.range[1])
    if knobs.outliers is not None:
        seen = values[inside]
        counted = counted & (np.abs(values - seen.mean()) <= knobs.outliers * seen.std())
    if not counted.any():
        raise StudyRejected("empty_region", "no voxel of the region is left by re-segmentation.", "widen its range")
    return counted


def _grid(image: Volume, knobs: Resample) -> Grid | None:
    """The new grid, or None where it is the old one."""
    if not knobs.spacing:
        return None
    wanted = np.where(np.array(knobs.spacing) > 0, knobs.spacing, image.spacing)
    if np.allclose(wanted, image.spacing, rtol=1e-6):
        return None
    return Grid.over(image.voxels.shape, image.spacing, wanted)


def _resampled(
    values: np.ndarray, inside: np.ndarray, box: Slices, grid: Grid, knobs: Resample
) -> tuple[np.ndarray, np.ndarray]:
    """Intensities and region on the new grid, of old ones in `box`; no further than local peaks reach."""
    start = [part.start for part in box]
    near = _box(inside, np.ceil(REACH * grid.step / grid.spacing + grid.step).astype(int))
    new = grid.covering(tuple(slice(n + p.start, n + p.stop) for n, p in zip(start, near, strict=True)))
    share = grid.sample(inside, start, new, _ORDERS[knobs.mask])
    image = grid.sample(values, start, new, _ORDERS[knobs.image])
    # a share of exactly one half must not depend on the last bit
    return np.rint(image) if knobs.whole_numbers else image, share >= knobs.mask_share - 1e-6
