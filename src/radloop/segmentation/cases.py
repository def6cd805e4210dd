"""A case on the grid of its plan and back: what a network is shown, and labels where the images' own voxels lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radloop.dicom.volume import Volume
from radloop.errors import ConfigurationError
from radloop.segmentation.engines import SegmentationEngine
from radloop.segmentation.inference import predict_probabilities
from radloop.segmentation.plan import Plan

Grid = tuple[int, int, int]


def planned_grid(shape: tuple[int, ...], spacing: np.ndarray, plan: Plan) -> Grid:
    """Voxels along i, j and k that a volume of `shape` and `spacing` (mm) has at the plan's spacing.

    Slices of a plan of 2 axes are kept as they are.
    """
    wanted = [*plan.spacing[: plan.axes], *spacing[plan.axes :]]
    i, j, k = (max(1, round(float(n * now / then))) for n, now, then in zip(shape, spacing, wanted, strict=True))
    return i, j, k


def prepare_images(images: Sequence[Volume], plan: Plan) -> np.ndarray:
    """The channels of a case, on one grid, as float32 [c, i, j, k] at the plan's spacing and scale.

    Values between voxels are linear, and the image keeps its edges. Raises ConfigurationError for another number of
    channels than was planned.
    """
    if len(images) != plan.channels:
        raise ConfigurationError(
            f"{len(images)} images for a plan of {plan.channels} channels", "give the images that were planned for"
        )
    grid = planned_grid(images[0].voxels.shape, images[0].spacing, plan)
    scaled = [scale.apply(image.voxels) for scale, image in zip(plan.intensity, images, strict=True)]
    return _resized(np.stack(scaled), grid)


def prepare_mask(mask: np.ndarray, spacing: np.ndarray, plan: Plan) -> np.ndarray:
    """A mask, int [i, j, k] of labels below `plan.classes`, on the plan's grid as uint8.

    A voxel takes the label that fills most of it, so that volumes stay what they are.
    """
    grid = planned_grid(mask.shape, spacing, plan)
    if grid == mask.shape:
        return np.asarray(mask, np.uint8)
    return _likeliest(np.stack([(mask == label).astype(np.float32) for label in range(plan.classes)]), grid)


def segment(
    engine: SegmentationEngine, images: Sequence[Volume], plan: Plan, flips: tuple[int, ...] = ()
) -> np.ndarray:
    """The label of every voxel of a case, uint8 [i, j, k] on the grid of its images, 0 where there is nothing.

    `flips`: see `Window`. Raises ConfigurationError as `prepare_images` does, ValueError for values that are not
    finite.
    """
    shown, window = prepare_images(images, plan), plan.window(flips=flips)
    if plan.axes == 3:
        probability = predict_probabilities(engine, shown, window)
    else:
        slices = [predict_probabilities(engine, shown[..., k], window) for k in range(shown.shape[-1])]
        probability = np.stack(slices, axis=-1)
    i, j, k = images[0].voxels.shape
    return _likeliest(probability, (i, j, k))


def _resized(values: np.ndarray, grid: Grid) -> np.ndarray:
    """Values float32 [c, i, j, k] on another grid of the same extent."""
    if values.shape[1:] == grid:
        return np.asarray(values, np.float32)
    import torch  # seconds to import

    whole = torch.from_numpy(np.ascontiguousarray(values, np.float32)).unsqueeze(0)
    return np.asarray(torch.nn.functional.interpolate(whole, size=grid, mode="trilinear")[0].numpy())


def _likeliest(probability: np.ndarray, grid: Grid) -> np.ndarray:
    """The class of each voxel of `grid`, uint8; one class at a time, for together they are many times the image."""
    best = np.full(grid, -1.0, np.float32)
    labels = np.zeros(grid, np.uint8)
    for number, one in enumerate(probability):
        (here,) = _resized(one[None], grid)
        labels[here > best] = number
        best = np.maximum(best, here)
    return labels
