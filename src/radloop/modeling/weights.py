"""The numbers of a network, each once: some reach one layer by two names, and a file must not hold both."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn


def weights_of(network: nn.Module) -> dict[str, torch.Tensor]:
    """Every tensor of a network's state under its first name; the tensors themselves, not copies."""
    seen: set[int] = set()
    found = {}
    for name, value in network.state_dict().items():
        if not value.numel() or value.data_ptr() not in seen:
            seen.add(value.data_ptr())
            found[name] = value
    return found


def take_weights(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Give a network the weights that `weights_of` found in an equal one.

    Raises ValueError for the weights of another network.
    """
    own = weights_of(network)
    if own.keys() != weights.keys():
        strangers = sorted(own.keys() ^ weights.keys())
        raise ValueError(f"the weights are of another network: {len(strangers)} names differ, as {strangers[0]}")
    network.load_state_dict(weights, strict=False)


def cpu_copy(network: nn.Module) -> dict[str, torch.Tensor]:
    """A network's weights as later steps cannot change them."""
    return {key: value.detach().cpu().clone() for key, value in weights_of(network).items()}
