"""The learned denoiser: a small residual network that tells the noise of a film, which is then taken away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from radloop.errors import ConfigurationError, StudyRejected
from radloop.files import sha256_file
from radloop.imaging.nonlocal_means import estimate_sigma
from radloop.imaging.preprocess import Window

#: Percentiles of a film that become 0 and 1 for the network.
LOW, HIGH = 0.5, 99.5
#: Least noise, as a share of the range, that the network is asked about.
QUIET = 1e-4


@dataclass(frozen=True)
class Architecture:
    """What must be known to build a denoiser again: channels of each hidden layer, and how many 3x3 layers."""

    channels: int = 16
    layers: int = 6

    def to_json(self) -> dict[str, Any]:
        """The architecture as the weights' file keeps it."""
        return asdict(self)


class Denoiser(nn.Module):
    """A residual stack of 3x3 convolutions (Zhang et al., DnCNN, IEEE Transactions on Image Processing 26, 2017).

    The level of noise is an input, and what is taken away is told in its unit, so that one network serves many doses
    and a quiet film is left alone (Zhang et al., FFDNet, same journal 27, 2018). Without batch normalisation, which
    would tie a film's result to others; the last layer starts at 0, so that an untrained denoiser changes nothing.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.channels
        layers: list[nn.Module] = []
        for number in range(architecture.layers - 1):
            hidden = nn.Conv2d(width if number else 2, width, 3, padding=1, padding_mode="reflect")
            nn.init.kaiming_normal_(hidden.weight, nonlinearity="relu")  # torch's own start fades from layer to layer
            layers += [hidden, nn.ReLU()]
        last = nn.Conv2d(width, 1, 3, padding=1, padding_mode="reflect", bias=False)
        nn.init.zeros_(last.weight)
        self.noise = nn.Sequential(*layers, last)

    def forward(self, films: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """Films float32 [n, 1, h, w] around 0 to 1 and their noise [n], without what the network takes for noise."""
        level = sigma.view(-1, 1, 1, 1)
        seen = torch.cat([films, (level * 10.0).expand_as(films)], dim=1)
        return films - level * self.noise(seen)  # type: ignore[no-any-return]


def denoise_learned(image: np.ndarray, weights: str, sha256: str) -> np.ndarray:
    """Denoise a film with the weights of a file whose hash is `sha256`.

    A window by percentiles brings the film to what the network was taught on; it was taught on simulated
    radiographs, and nothing promises that CT or MR look alike to it. `image`: [h, w]. Returns float32 [h, w] in the
    image's unit. Raises StudyRejected for volumes, ConfigurationError where the file is not the declared one.
    """
    if image.ndim != 2:
        raise StudyRejected("image_size", f"{image.ndim} axes are no radiograph.", "choose noise: non_local_means")
    return run(load_denoiser(Path(weights), sha256), image)


def run(network: Denoiser, image: np.ndarray) -> np.ndarray:
    """Denoise one film [h, w] of any scale; on one thread, because sums round differently on several."""
    image = np.asarray(image, np.float32)
    black, white = (float(value) for value in np.percentile(image, (LOW, HIGH)))
    scaled = Window(black, white).apply(image)
    if white <= black or min(image.shape) < 3:
        return np.array(image, np.float32)
    with torch.inference_mode(), one_thread():
        films = torch.from_numpy(np.ascontiguousarray(scaled))[None, None]
        found = network(films, torch.tensor([level_of(scaled)]))[0, 0].numpy()
    return np.asarray(found * np.float32(white - black) + np.float32(black), np.float32)


def level_of(film: np.ndarray) -> float:
    """The noise of a film whose window is 0 to 1, as the network is told it."""
    return max(estimate_sigma(film), QUIET)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch run on one thread within, and on as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@lru_cache(maxsize=4)
def load_denoiser(path: Path, sha256: str) -> Denoiser:
    """The denoiser of a safetensors file, ready to run; kept, for a stage reads thousands of films.

    Raises ConfigurationError where the file is missing, is not what its hash says, or is no denoiser.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ConfigurationError(f"no weights in {path.name}", "write them with `radloop denoiser`")
    found = sha256_file(path)
    if found != sha256:
        raise ConfigurationError(
            f"the weights' sha256 begins with {found[:12]}, not with {sha256[:12]}", "declare the file that is meant"
        )
    try:
        with safe_open(path, framework="pt") as stored:
            notes = json.loads((stored.metadata() or {})["denoiser"])
            network = Denoiser(Architecture(**notes["architecture"]))
            network.load_state_dict({name: stored.get_tensor(name) for name in stored.keys()})  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ConfigurationError(f"{path.name} holds no denoiser", "write it with `radloop denoiser`") from error
    return network.eval().requires_grad_(False)
