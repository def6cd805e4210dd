"""What a segmenter learns from: overlap and cross-entropy together, at every stage that answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

#: Keeps a class that is neither there nor predicted from dividing by nothing.
SMOOTH = 1e-5


@dataclass(frozen=True)
class Loss:
    """Dice and cross-entropy of films and volumes, weighed; the sum of both trains on where one is flat.

    `over_batch` counts overlap over the whole batch, for classes that many patches lack; else each case has one.
    Sources: Milletari et al., 3DV 2016 (soft Dice); Isensee et al., Nature Methods 2021 (their sum, and the
    halved weights of coarser stages).
    """

    dice: float = 1.0
    cross_entropy: float = 1.0
    over_batch: bool = False

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The mean loss of `logits` [n, classes, ...], or [n, stages, classes, ...], against `labels` [n, ...].

        `labels` are whole numbers from 0, the background, up. Stages have the full size, the finest first.
        """
        if logits.ndim == labels.ndim + 1:
            return self.of_one(logits, labels)
        weights = stage_weights(logits.shape[1], logits.device)
        return torch.stack([self.of_one(stage, labels) for stage in logits.unbind(1)]) @ weights

    def of_one(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss of one stage's `logits` [n, classes, ...] against `labels` [n, ...]."""
        total = logits.new_zeros(())
        if self.cross_entropy:
            total = total + self.cross_entropy * functional.cross_entropy(logits, labels.long())
        if self.dice:
            total = total + self.dice * (1.0 - soft_dice(logits, labels, self.over_batch))
        return total


def soft_dice(logits: torch.Tensor, labels: torch.Tensor, over_batch: bool) -> torch.Tensor:
    """Mean soft Dice of the classes, without the background, of `logits` [n, classes, ...] and `labels` [n, ...].

    A class that is nowhere in the labels and hardly predicted counts as found.
    """
    probability = logits.softmax(dim=1)
    truth = torch.zeros_like(probability).scatter_(1, labels.long().unsqueeze(1), 1.0)
    axes = [*([0] if over_batch else []), *range(2, logits.ndim)]
    both = (probability * truth).sum(axes)
    each = probability.sum(axes) + truth.sum(axes)
    return ((2 * both + SMOOTH) / (each + SMOOTH))[..., 1:].mean()


def stage_weights(stages: int, device: torch.device | None = None) -> torch.Tensor:
    """Weights [stages] that sum to 1: each coarser stage counts half of the one before."""
    weights = 0.5 ** torch.arange(stages, dtype=torch.float32, device=device)
    return weights / weights.sum()
