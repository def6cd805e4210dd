"""Random changes of a whole batch as tensors, so that no image is touched one at a time."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from radloop.sections.films import Augment


def augment(images: torch.Tensor, settings: Augment, size: int, generator: torch.Generator) -> torch.Tensor:
    """Change a batch as another film of the same patient might differ: posture, centring, exposure, noise.

    `images`: uint8 [n, 1, s, s]; `generator`: a CPU generator, so that every device draws the same numbers.
    Returns float32 [n, 1, size, size] in 0 to 255, on the device of `images`.
    """
    moved = _move(images.float(), settings, size, generator)
    return _expose(moved, settings, generator).clamp_(0.0, 255.0)


def _uniform(count: int, reach: float, generator: torch.Generator) -> torch.Tensor:
    return (torch.rand(count, generator=generator) * 2.0 - 1.0) * reach


def _move(images: torch.Tensor, settings: Augment, size: int, generator: torch.Generator) -> torch.Tensor:
    n = len(images)
    angle = _uniform(n, math.radians(settings.rotate), generator)
    zoom = 1.0 + _uniform(n, settings.scale, generator)
    # the grid spans -1 to 1, so a share of the side is twice as many units
    down, across = (_uniform(n, 2.0 * settings.translate, generator) for _ in range(2))
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5 * settings.flip, -1.0, 1.0)
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    rows = torch.stack([cosine * mirror, -sine, across, sine * mirror, cosine, down], dim=1)
    theta = rows.view(n, 2, 3).to(images.device)
    grid = functional.affine_grid(theta, [n, 1, size, size], align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _expose(images: torch.Tensor, settings: Augment, generator: torch.Generator) -> torch.Tensor:
    n = len(images)
    contrast = (1.0 + _uniform(n, settings.contrast, generator)).view(n, 1, 1, 1).to(images.device)
    brightness = (255.0 * _uniform(n, settings.brightness, generator)).view(n, 1, 1, 1).to(images.device)
    middle = images.mean(dim=(1, 2, 3), keepdim=True)
    exposed = torch.addcmul(middle * (1.0 - contrast) + brightness, images, contrast)
    if settings.noise > 0.0:
        grain = torch.empty(images.shape).normal_(generator=generator)
        exposed.add_(grain.to(images.device), alpha=255.0 * settings.noise)
    return exposed
