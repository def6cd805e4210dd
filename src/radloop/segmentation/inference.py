"""A whole film or volume through a network that sees patches: overlapping windows, their middles counting most."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from radloop.errors import ConfigurationError
from radloop.segmentation.engines import SegmentationEngine


@dataclass(frozen=True)
class Window:
    """How an image is walked: a patch (voxels) whose sides are multiples of `divisors`, and by what share two overlap.

    `flips`: axes (0 the first after the channels) along which the image is also shown turned round, all combinations
    of them; answers are turned back and averaged. Off where left and right differ in what they may hold.
    """

    patch: tuple[int, ...]
    divisors: tuple[int, ...]
    overlap: float = 0.5
    flips: tuple[int, ...] = ()
    batch: int = 1

    def __post_init__(self) -> None:
        if len(self.patch) != len(self.divisors) or any(p % d for p, d in zip(self.patch, self.divisors, strict=True)):
            raise ConfigurationError(
                f"a patch of {self.patch} is no multiple of {self.divisors}", "correct plan.patch to what divides"
            )
        if not 0 <= self.overlap < 1 or self.batch < 1 or not set(self.flips) <= set(range(len(self.patch))):
            raise ConfigurationError(
                f"windows that overlap by {self.overlap:g}, {self.batch} at a time, turned along {self.flips}",
                "overlap from 0 to below 1, one or more at a time, along axes that the image has",
            )

    def fitting(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """The patch for an image of this size: along an axis that is shorter, the least multiple that covers it."""
        sides = zip(self.patch, self.divisors, size, strict=True)
        return tuple(min(patch, divisor * max(2, -(-side // divisor))) for patch, divisor, side in sides)


def predict_probabilities(engine: SegmentationEngine, image: np.ndarray, window: Window) -> np.ndarray:
    """Probabilities float32 [classes, ...] of every voxel of `image` float32 [c, ...], which sum to 1.

    Windows are weighed by a Gaussian that is highest in their middle (sigma an eighth of the side), for a network
    knows least at the edge of what it sees; an image that one window covers gets what the network says of it whole.
    Raises ConfigurationError for an image of other axes, ValueError for values that are not finite.
    """
    if image.ndim != len(window.patch) + 1:
        raise ConfigurationError(
            f"an image of {image.ndim - 1} axes for windows of {len(window.patch)}", "plan for images of these axes"
        )
    if not np.isfinite(image).all():
        raise ValueError("the image has values that are not finite")
    turns = [axes for count in range(len(window.flips) + 1) for axes in combinations(window.flips, count)]
    total = np.zeros((1, *image.shape[1:]), np.float32)
    for turn in turns:
        axes = tuple(1 + axis for axis in turn)
        total = total + np.flip(_walk(engine, np.flip(image, axes), window), axes)
    return np.asarray(total / len(turns), np.float32)


def predict_volume(engine: SegmentationEngine, image: np.ndarray, window: Window) -> np.ndarray:
    """Probabilities of every voxel of a volume [c, i, j, k], slice by slice where the network sees films."""
    if len(window.patch) == 3:
        return predict_probabilities(engine, image, window)
    slices = [predict_probabilities(engine, image[..., k], window) for k in range(image.shape[-1])]
    return np.stack(slices, axis=-1)


def _walk(engine: SegmentationEngine, image: np.ndarray, window: Window) -> np.ndarray:
    import torch  # seconds to import, as MONAI is
    from monai.inferers.utils import sliding_window_inference

    def ask(patches: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(engine.infer(patches.numpy())).softmax(dim=1)

    whole = torch.from_numpy(np.ascontiguousarray(image, np.float32)).unsqueeze(0)
    patch = window.fitting(image.shape[1:])
    answer = sliding_window_inference(whole, patch, window.batch, ask, window.overlap, mode="gaussian")
    return np.asarray(answer[0].numpy())
