"""Engines that run a trained segmenter: its ONNX file, which is served, and torch, which it must equal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from radloop.modeling.runtimes import DEFAULT, Runtime, open_session

if TYPE_CHECKING:
    from torch import nn


class SegmentationEngine(Protocol):
    """Anything that turns float32 [n, c, ...] into logits float32 [n, classes, ...]."""

    def infer(self, batch: np.ndarray) -> np.ndarray:
        """Answer one batch, for every voxel of it."""
        ...


class OnnxSegmenter:
    """The exported segmenter; see `radloop.modeling.runtimes.open_session` on `threads`."""

    def __init__(self, model: Path, threads: int, runtime: Runtime = DEFAULT) -> None:
        self._session = open_session(model, threads, runtime)

    def infer(self, batch: np.ndarray) -> np.ndarray:
        """Answer one batch; safe to call from several threads at once."""
        (logits,) = self._session.run(["logits"], {"image": np.ascontiguousarray(batch, np.float32)})
        return np.asarray(logits)


class TorchSegmenter:
    """The network as it was trained, on the device where it lies."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network.eval()
        self._device = next(network.parameters()).device

    def infer(self, batch: np.ndarray) -> np.ndarray:
        """Answer one batch."""
        import torch  # seconds to import, and an ONNX engine must not wait for it

        with torch.inference_mode():
            images = torch.from_numpy(np.ascontiguousarray(batch, np.float32)).to(self._device)
            return np.asarray(self._network(images).cpu().numpy())
