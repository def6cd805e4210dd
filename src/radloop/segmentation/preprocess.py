"""The one preprocess of segmenters: the same grid and scale teach a network and serve it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radloop.dicom.volume import Volume
from radloop.segmentation.grids import Grid, canonical_grid, nearest_axes, sample
from radloop.segmentation.plan import Plan


def plan_grid(image: Volume, plan: Plan) -> Grid:
    """The grid on which a network of this plan sees an image; one that sees films keeps its slices as they lie."""
    if plan.axes == 3:
        return canonical_grid(image, plan.spacing)
    order, _ = nearest_axes(image.affine)
    return canonical_grid(image, (*plan.spacing[:2], float(image.spacing[order[2]])))


def scaled_channels(images: Sequence[Volume], grid: Grid, made: Plan) -> np.ndarray:
    """The images as the network sees them, float32 [channels, i, j, k] on `grid`."""
    return np.stack([scale.apply(sample(image, grid)) for scale, image in zip(made.intensity, images, strict=True)])
