"""Everything random, in one place: seeds, states that a checkpoint keeps, threads that change a sum's rounding."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from radloop.errors import ConfigurationError


def seed_everything(seed: int, threads: int | None, device: torch.device) -> torch.Generator:
    """Seed Python, numpy and torch, fix the thread count, and return the generator of order and augmentation."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    if threads is not None:
        torch.set_num_threads(threads)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
    return torch.Generator().manual_seed(seed)


def random_states(generator: torch.Generator) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """All random states: those of torch as tensors, those of Python and numpy as JSON values."""
    tensors = {"torch": torch.get_rng_state(), "generator": generator.get_state()}
    if torch.cuda.is_available():
        tensors["cuda"] = torch.cuda.get_rng_state()
    version, internal, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    numpy_state = [str(name), [int(key) for key in keys], int(position), int(has_gauss), float(cached)]
    return tensors, {"python": [version, list(internal), gauss], "numpy": numpy_state}


def restore_random_states(generator: torch.Generator, tensors: dict[str, torch.Tensor], states: dict[str, Any]) -> None:
    """Put all random states back as `random_states` saw them."""
    torch.set_rng_state(tensors["torch"])
    generator.set_state(tensors["generator"])
    if "cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["cuda"])
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, cached))


def choose_device(wish: str) -> torch.device:
    """The device of a training: what the machine offers for `auto`, else the one that is asked for.

    Raises ConfigurationError for a device that is not there.
    """
    offered = "cuda" if torch.cuda.is_available() else "cpu"
    if wish not in ("auto", "cpu", offered):
        raise ConfigurationError(
            f"device {wish!r} is not there; this machine offers {offered}", "set RADLOOP_DEVICE=auto"
        )
    return torch.device(offered if wish == "auto" else wish)
