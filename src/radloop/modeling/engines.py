"""Engines that run a trained classifier: its ONNX file, which is judged and served, and torch, which it must equal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from radloop.modeling.runtimes import DEFAULT, Runtime, open_session

if TYPE_CHECKING:
    import torch

    from radloop.modeling.networks import Classifier

Answer = tuple[np.ndarray, np.ndarray]


class Engine(Protocol):
    """Anything that turns uint8 [n, 1, s, s(, k)] into logit float32 [n(, findings)] and embedding float32 [n, d]."""

    def infer(self, batch: np.ndarray) -> Answer:
        """Answer one batch."""
        ...


class OnnxEngine:
    """The exported classifier, as it is judged and served."""

    def __init__(self, model: Path, threads: int, runtime: Runtime = DEFAULT) -> None:
        self._session = open_session(model, threads, runtime)

    def infer(self, batch: np.ndarray) -> Answer:
        """Answer one batch; safe to call from several threads at once."""
        logit, embedding = self._session.run(["logit", "embedding"], {"image": np.ascontiguousarray(batch)})
        return logit, embedding


class TorchEngine:
    """The network as it was trained, to prove that its export says the same."""

    def __init__(self, network: Classifier, weights: dict[str, torch.Tensor]) -> None:
        from radloop.modeling.weights import take_weights  # imports torch, as below

        take_weights(network, weights)
        self._network = network.eval()

    def infer(self, batch: np.ndarray) -> Answer:
        """Answer one batch."""
        import torch  # seconds to import, and an ONNX engine must not wait for it

        with torch.inference_mode():
            logit, embedding = self._network(torch.from_numpy(np.ascontiguousarray(batch)))
        return logit.numpy(), embedding.numpy()


def infer_all(engine: Engine, images: np.ndarray, batch_size: int) -> Answer:
    """Run `images`, uint8 [n, s, s(, k)], through an engine `batch_size` at a time, so that memory stays bounded."""
    if not len(images):
        raise ValueError("no image to answer about")
    answers = [
        engine.infer(np.asarray(images[start : start + batch_size])[:, None])
        for start in range(0, len(images), batch_size)
    ]
    logit, embedding = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    return logit, embedding


def largest_difference(one: Answer, other: Answer) -> dict[str, float]:
    """The largest absolute difference between two engines' logits and embeddings."""
    names = ("logit", "embedding")
    return {name: float(np.abs(a - b).max()) for name, a, b in zip(names, one, other, strict=True)}
