"""The U-Net as published, on films and on volumes."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn.functional import relu

CONVOLUTIONS = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
POOLS = {2: nn.MaxPool2d, 3: nn.MaxPool3d}


class Stage(nn.Module):
    """Two convolutions of 3 a side, each with ReLU."""

    def __init__(self, axes: int, channels: int, filters: int) -> None:
        super().__init__()
        self.first = CONVOLUTIONS[axes](channels, filters, 3, padding=1)
        self.second = CONVOLUTIONS[axes](filters, filters, 3, padding=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features [n, channels, ...] -> [n, filters, ...], of the same size."""
        return relu(self.second(relu(self.first(features))))


class Up(nn.Module):
    """A transposed convolution of stride 2, the skip beside it, and a stage on both."""

    def __init__(self, axes: int, channels: int, filters: int) -> None:
        super().__init__()
        self.up = TRANSPOSED[axes](channels, filters, 2, stride=2)
        self.stage = Stage(axes, 2 * filters, filters)

    def forward(self, features: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Features [n, channels, ...] and the skip [n, filters, ...], twice their size -> the skip's shape."""
        return cast(torch.Tensor, self.stage(torch.cat([skip, self.up(features)], dim=1)))


class UNet(nn.Module):
    """Ronneberger et al., MICCAI 2015: stages on the way down, a bottleneck, and as many stages on the way up.

    `filters` are those of the stages from the top, the bottleneck's last: 64, 128, 256, 512, 1024 as published.
    Convolutions are padded, where the published ones lose their edge, so that the mask has the image's size. Each
    side of an input must be a multiple of 2 to the number of stages before the bottleneck.
    """

    def __init__(self, axes: int, channels: int, classes: int, filters: tuple[int, ...]) -> None:
        super().__init__()
        above = (channels, *filters)
        self.down = nn.ModuleList(Stage(axes, above[at], filters[at]) for at in range(len(filters)))
        self.pool = POOLS[axes](2)
        self.ups = nn.ModuleList(Up(axes, filters[at + 1], filters[at]) for at in reversed(range(len(filters) - 1)))
        self.answer = CONVOLUTIONS[axes](filters[0], classes, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")  # the paper's deviation of sqrt(2 / fan-in)
                nn.init.zeros_(cast(torch.Tensor, module.bias))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images float [n, channels, ...] -> logits [n, classes, ...]."""
        skips = []
        features = images
        for stage in self.down[:-1]:
            features = stage(features)
            skips.append(features)
            features = self.pool(features)
        features = self.down[-1](features)
        for up, skip in zip(self.ups, reversed(skips), strict=True):
            features = up(features, skip)
        return cast(torch.Tensor, self.answer(features))
