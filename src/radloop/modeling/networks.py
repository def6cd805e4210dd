"""The networks: MONAI's, with the scaling of grey levels inside, so that every engine takes uint8."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from radloop.errors import ConfigurationError

#: Blocks per layer of the residual networks that are offered.
BLOCKS = {"resnet10": (1, 1, 1, 1), "resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}


@dataclass(frozen=True)
class Network:
    """What must be known to build a network again: its name, the stride of its stem, its input's side in pixels."""

    name: str
    conv1_stride: int
    size: int
    filters: int = 64

    def to_json(self) -> dict[str, Any]:
        """The specification as training notes and a bundle's manifest keep it."""
        return asdict(self)

    @property
    def embedding(self) -> int:
        """Length of the embedding."""
        return 8 * self.filters


class Classifier(nn.Module):
    """A residual network that answers with a logit and with the embedding from which it was made."""

    def __init__(self, backbone: nn.Module, embedding: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(embedding, 1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Score a batch: uint8 or float [n, 1, s, s] in 0 to 255 -> logit [n], embedding [n, d]."""
        embedding = self.backbone((images.float() - 127.5) / 64.0)
        return self.head(embedding).squeeze(1), embedding


def build(network: Network) -> Classifier:
    """Build a network with fresh weights from torch's random state, in channels_last memory format.

    MONAI's stem has stride 1 by default, four times the work of `conv1_stride=2` (He et al., CVPR 2016, use 2).
    Raises ConfigurationError for an unknown name.
    """
    if network.name not in BLOCKS:
        raise ConfigurationError(
            f"unknown network {network.name!r}; known: {', '.join(BLOCKS)}", "choose one in params.yaml: train.network"
        )
    from monai.networks.nets.resnet import ResNet, ResNetBlock  # takes seconds to import

    planes = [network.filters * factor for factor in (1, 2, 4, 8)]
    backbone = ResNet(
        ResNetBlock, list(BLOCKS[network.name]), planes,
        spatial_dims=2, n_input_channels=1, conv1_t_stride=network.conv1_stride, feed_forward=False,
    )  # fmt: skip
    classifier = Classifier(backbone, network.embedding)
    return classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
