"""A running average of the weights, which generalises better than the last step's where images are few."""

from __future__ import annotations

import copy

import torch
from torch import nn

from radloop.modeling.weights import weights_of


class Average:
    """Exponential moving average of a network's weights and normalisation statistics (Polyak & Juditsky, 1992).

    `decay` is per step and reached gradually, so that the random start is forgotten within a few steps.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.steps = 0
        # the tensors themselves, which training and loading change in place: naming them anew costs more than averaging
        self._theirs, self._mine = _floats(network), _floats(self.network)

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the network by one step."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10.0))
        torch._foreach_lerp_(self._mine, self._theirs, 1.0 - decay)


def _floats(network: nn.Module) -> list[torch.Tensor]:
    return [value for value in weights_of(network).values() if value.is_floating_point()]
