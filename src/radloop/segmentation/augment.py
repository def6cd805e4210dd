"""Random changes of a whole batch of patches as tensors, the labels moving with their image."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from radloop.sections.segmentation import Deform


def reach_of(patch: tuple[int, ...], changes: Deform) -> tuple[int, ...]:
    """Sides of what must be cut so that a turned and shrunken patch still finds voxels in most of its corners."""
    if not (changes.rotate or changes.scale):
        return patch
    # the corners of a long patch would ask for far more than is worth cutting
    grown = 1.0 + changes.scale + min(math.sin(math.radians(changes.rotate)), 0.35)
    return tuple(side if side == 1 else math.ceil(side * grown) for side in patch)


def augment_patches(
    images: torch.Tensor, labels: torch.Tensor, patch: tuple[int, ...], spacing: tuple[float, ...],
    changes: Deform, generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Change patches as another scan of the same patient might differ: posture, size, side, grey levels, noise.

    `images`: float32 [n, channels, *reach], `labels`: uint8 [n, *reach], in 2 or 3 axes; `patch`: sides of what comes
    back from their middle; `spacing`: mm along each axis, so that a turn is a turn in the patient; `generator`: of
    the CPU, so that every device draws the same numbers. Returns float32 [n, channels, *patch], int64 [n, *patch].
    """
    n, axes = len(images), len(patch)
    theta = _moves(n, images.shape[2:], patch, spacing, changes, generator).to(images.device)
    grid = functional.affine_grid(theta, [n, 1, *patch], align_corners=False)
    moved = functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    marked = functional.grid_sample(
        labels.float().unsqueeze(1), grid, mode="nearest", padding_mode="zeros", align_corners=False
    )
    if changes.flip:
        flips = torch.rand(n, axes, generator=generator) < 0.5
        moved, marked = (_flipped(tensor, flips) for tensor in (moved, marked))
    return _shaded(moved, changes, generator), marked.squeeze(1).long()


def _uniform(count: int, reach: float, generator: torch.Generator) -> torch.Tensor:
    return (torch.rand(count, generator=generator, dtype=torch.float64) * 2.0 - 1.0) * reach


def _moves(
    n: int, reach: torch.Size, patch: tuple[int, ...], spacing: tuple[float, ...],
    changes: Deform, generator: torch.Generator,
) -> torch.Tensor:  # fmt: skip
    """Affine maps [n, axes, axes + 1] from places in the patch to places in what was cut, both spanning -1 to 1."""
    axes = len(patch)
    turn = torch.eye(axes, dtype=torch.float64).repeat(n, 1, 1)
    for one in range(axes):
        for other in range(one + 1, axes):
            angle = _uniform(n, math.radians(changes.rotate), generator)
            turn = turn @ _rotation(axes, one, other, angle)
    zoom = 1.0 + _uniform(n, changes.scale, generator)
    # torch counts axes from the last: x is the last one
    millimetres = torch.tensor(spacing[::-1], dtype=torch.float64)
    given = torch.tensor([float(side) for side in reversed(reach)], dtype=torch.float64) * millimetres
    asked = torch.tensor([float(side) for side in reversed(patch)], dtype=torch.float64) * millimetres
    linear = turn * zoom.view(n, 1, 1) * (asked.view(1, 1, axes) / given.view(1, axes, 1))
    return torch.cat([linear, torch.zeros(n, axes, 1, dtype=torch.float64)], dim=2).float()


def _rotation(axes: int, one: int, other: int, angle: torch.Tensor) -> torch.Tensor:
    matrix = torch.eye(axes, dtype=torch.float64).repeat(len(angle), 1, 1)
    matrix[:, one, one] = matrix[:, other, other] = torch.cos(angle)
    matrix[:, one, other] = -torch.sin(angle)
    matrix[:, other, one] = torch.sin(angle)
    return matrix


def _flipped(tensor: torch.Tensor, flips: torch.Tensor) -> torch.Tensor:
    """Each row mirrored along its own axes."""
    rows = []
    for row, chosen in zip(tensor, flips, strict=True):
        sides = [axis + 1 for axis in range(len(chosen)) if chosen[axis]]
        rows.append(row.flip(sides) if sides else row)
    return torch.stack(rows)


def _shaded(images: torch.Tensor, changes: Deform, generator: torch.Generator) -> torch.Tensor:
    n, per_row = len(images), (-1, *(1,) * (images.ndim - 1))

    def drawn(reach: float) -> torch.Tensor:
        return _uniform(n, reach, generator).float().view(per_row).to(images.device)

    contrast, brightness = 1.0 + drawn(changes.contrast), drawn(changes.brightness)
    shaded = images * contrast + brightness
    if changes.gamma:
        low, high = (
            shaded.amin(dim=tuple(range(1, images.ndim)), keepdim=True),
            shaded.amax(dim=tuple(range(1, images.ndim)), keepdim=True),
        )
        span = (high - low).clamp_min(1e-6)
        shaded = ((shaded - low) / span).pow(torch.exp(drawn(changes.gamma))) * span + low
    if changes.noise:
        grain = torch.empty(images.shape).normal_(generator=generator).to(images.device)
        shaded = shaded + grain * (changes.noise * torch.rand(n, generator=generator).view(per_row).to(images.device))
    return shaded
