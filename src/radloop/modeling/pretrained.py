"""Weights that others trained, from a local file that is what its SHA-256 says, and never code."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from radloop.errors import ConfigurationError
from radloop.files import sha256

#: Keys under which training programs nest the weights, and what parallel training puts before each name.
NESTED, PREFIX = ("state_dict", "model_state_dict", "model"), "module."
#: Of a network that was taught three colours, whose first layer is summed for grey.
COLOURS = 3

Weights = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Transfer:
    """What became of a file's weights, by name, so that a person sees what was learnt and what is still random.

    `summed`: of three colours, for grey; `missing`: of the network and not in the file; `unexpected`: the reverse;
    `other_shape`: in both, of another size, and so not taken.
    """

    taken: tuple[str, ...]
    summed: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    other_shape: tuple[str, ...]


def transfer(network: nn.Module, path: Path, promised: str) -> Transfer:
    """Give `network` the weights of a file, by their names, and tell which.

    `network`: what the file is of, for a body without its head `classifier.backbone`; `promised`: the SHA-256 of the
    file in hexadecimal digits. Reads safetensors, and torch's own format as far as it holds tensors alone.
    Raises ConfigurationError for a file that is missing, another, unreadable, or has no weight of this network.
    """
    weights = read_weights(path, promised)
    own = network.state_dict()
    fitting = {name: fitted for name, value in weights.items() if (fitted := _fit(value, own.get(name))) is not None}
    if not any(name in dict(network.named_parameters()) for name in fitting):
        raise ConfigurationError(
            f"{path.name} holds {len(weights)} tensors, and none is of this network by name and shape",
            "name the file of this network, or of its body",
        )
    network.load_state_dict(fitting, strict=False)
    return Transfer(
        taken=tuple(sorted(fitting)),
        summed=tuple(sorted(name for name in fitting if weights[name].shape != own[name].shape)),
        missing=tuple(sorted(set(own) - set(weights))),
        unexpected=tuple(sorted(set(weights) - set(own))),
        other_shape=tuple(sorted(set(weights) & set(own) - set(fitting))),
    )


def read_weights(path: Path, promised: str) -> Weights:
    """The tensors of a weight file by name, after its bytes were found to be the promised ones.

    Raises ConfigurationError where the file is missing, another one, or holds anything but tensors.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"no weights at {path}: {error.strerror}", "name a file on this machine") from error
    found = sha256(content)
    if found != promised.lower():
        raise ConfigurationError(
            f"{path.name} has SHA-256 {found}, not {promised}", "get the file again, or find out who changed it"
        )
    try:
        stored = load(content) if path.suffix == ".safetensors" else _tensors_alone(content)
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"{path.name} is no file of tensors alone ({type(error).__name__})", "convert it to safetensors"
        ) from error
    return {name.removeprefix(PREFIX): value for name, value in stored.items()}


def _tensors_alone(content: bytes) -> Weights:
    """The state dict in a file of torch, read without running anything that stands in it."""
    stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    for key in NESTED:
        if isinstance(stored, Mapping) and isinstance(stored.get(key), Mapping):
            stored = stored[key]
    if not isinstance(stored, Mapping) or not all(isinstance(value, torch.Tensor) for value in stored.values()):
        raise ValueError("not a mapping of names to tensors")
    return stored


def _fit(value: torch.Tensor, place: torch.Tensor | None) -> torch.Tensor | None:
    """The tensor in the shape of its place, or None; a grey image is the same in all colours, so these are summed."""
    if place is None or value.shape == place.shape:
        return None if place is None else value
    grey = value.ndim > 2 and value.shape[1] == COLOURS and place.ndim == value.ndim and place.shape[1] == 1
    if grey and (value.shape[0], *value.shape[2:]) == (place.shape[0], *place.shape[2:]):
        return value.sum(dim=1, keepdim=True)
    return None
