"""The classifiers: MONAI's, with the scaling of grey levels inside, so that every engine takes uint8."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from radloop.errors import ConfigurationError
from radloop.modeling.backbones import RESNETS, Body, build_body

#: Least side and slices of what a dense or an efficient network takes, because it halves them five times.
SMALLEST = 32


@dataclass(frozen=True)
class Network:
    """What must be known to build a classifier again.

    `size`: side of its input in pixels; `slices`: how many of them lie one upon another, 0 for a film; `filters`: of
    the first layer, 64 as published; `findings`: how many questions it answers, each with a logit of its own.
    """

    name: str
    conv1_stride: int
    size: int
    filters: int = 64
    slices: int = 0
    findings: int = 1

    def to_json(self) -> dict[str, Any]:
        """The specification as training notes and a bundle's manifest keep it."""
        return asdict(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """One input: [1, size, size] of a film, [1, size, size, slices] of a volume."""
        return (1, self.size, self.size, *([self.slices] if self.slices else []))

    @property
    def axes(self) -> int:
        """2 of a film, 3 of a volume."""
        return len(self.shape) - 1


class Classifier(nn.Module):
    """A network that answers with logits and with the embedding from which they were made."""

    def __init__(self, backbone: nn.Module, embedding: int, findings: int = 1) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(embedding, findings)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Score a batch: uint8 or float [n, 1, s, s(, k)] in 0 to 255 -> logit, embedding [n, d].

        `logit` is [n] of one finding, else [n, findings]: not exclusive, so each is for a sigmoid of its own.
        """
        embedding = self.backbone((images.float() - 127.5) / 64.0)
        logit = self.head(embedding)
        return logit.squeeze(1) if self.head.out_features == 1 else logit, embedding


def build(network: Network) -> Classifier:
    """Build a network with fresh weights from torch's random state, in channels_last memory format.

    MONAI's stem has stride 1 by default, four times the work of `conv1_stride=2` (He et al., CVPR 2016, use 2).
    Raises ConfigurationError for an unknown name, or for an input that is too small for the network.
    """
    if network.name not in RESNETS and min(network.shape[1:]) < SMALLEST:
        raise ConfigurationError(
            f"{network.name!r} halves its input five times, and {network.shape[1:]} has a side below {SMALLEST}",
            "choose a residual network in params.yaml: train.network, or larger inputs",
        )
    body = Body(network.name, network.axes, 1, network.filters, network.conv1_stride)
    classifier = Classifier(*build_body(body), network.findings)
    layout = torch.channels_last if network.axes == 2 else torch.channels_last_3d
    return classifier.to(memory_format=layout)  # type: ignore[call-overload,no-any-return]
