"""The prepared images as a network eats them: memory-mapped integers, dealt in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from radloop.errors import GateClosed


@dataclass(frozen=True)
class Labelled:
    """One split: the images of all splits, uint8 [n, size, size] memory-mapped, its rows in them, and their labels."""

    images: np.ndarray
    rows: np.ndarray
    labels: np.ndarray  # float32 [len(rows)], 0 or 1

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, positions: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Images uint8 [n, 1, size, size] and labels float32 [n] at positions of this split."""
        images = torch.from_numpy(self.images[self.rows[positions]]).unsqueeze(1)
        return images, torch.from_numpy(self.labels[positions])

    def batches(self, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """All batches in the order of the index; the last may be smaller."""
        for start in range(0, len(self), size):
            yield self.batch(np.arange(start, min(start + size, len(self))))

    def shuffled(self, size: int, generator: torch.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """One epoch in an order drawn from `generator`.

        A last batch of fewer than `size` is left out: batch normalisation on a few images is noise, and the
        order changes with every epoch.
        """
        order = torch.randperm(len(self), generator=generator).numpy()
        for start in range(0, self.steps(size) * size, size):
            yield self.batch(order[start : start + size])

    def steps(self, size: int) -> int:
        """Optimiser steps in one epoch of `shuffled`."""
        return max(1, len(self) // size)


def select(images: np.ndarray, index: pd.DataFrame, split: str) -> Labelled:
    """The labelled images of one split.

    Raises GateClosed where it shows one class only, for nothing can be learnt or judged from that.
    """
    chosen = index[(index["split"] == split) & index["label"].notna()]
    labels = chosen["label"].astype(bool).to_numpy()
    if labels.all() or not labels.any():
        raise GateClosed(
            f"the {split} split has {len(labels)} labelled images, {int(labels.sum())} of them positive; "
            "both classes are needed.",
            "ingest more labelled studies",
        )
    return Labelled(images, chosen["row"].to_numpy(), labels.astype(np.float32))
