"""From trained weights to an ONNX file that takes batches of any size, and of a segmenter any image too."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import torch
from torch import nn

from radloop.modeling.networks import Classifier

#: Names of the axes of an image after its batch and its channels, in the order of a volume's voxels.
SPATIAL = ("i", "j", "k")
SEGMENTER_INPUT, SEGMENTER_OUTPUT = "image", "logits"


def export_onnx(network: Classifier, shape: tuple[int, ...], opset: int, path: Path) -> None:
    """Write a classifier as one self-contained ONNX file.

    image uint8 [n, *shape] -> logit [n] or [n, findings], embedding [n, d]; `shape` is that of one input.
    """
    outputs = {name: {0: "n"} for name in ("logit", "embedding")}
    _export(network, torch.zeros(2, *shape, dtype=torch.uint8), {"image": {0: "n"}}, outputs, (opset, path))


def export_segmenter(network: nn.Module, shape: tuple[int, ...], opset: int, path: Path) -> None:
    """Write a segmenter as one self-contained ONNX file: image float32 [n, c, ...] -> logits [n, classes, ...].

    Batch and sides are free, as far as the network divides them; `shape` [c, ...] is any image that it takes.
    """
    axes = {0: "n"} | {2 + axis: name for axis, name in enumerate(SPATIAL[: len(shape) - 1])}
    _export(network, torch.zeros(2, *shape), {SEGMENTER_INPUT: axes}, {SEGMENTER_OUTPUT: axes}, (opset, path))


Dynamic = dict[str, dict[int, str]]


def _export(
    network: nn.Module, example: torch.Tensor, inputs: Dynamic, outputs: Dynamic, file: tuple[int, Path]
) -> None:
    """Write a network whose inputs and outputs have these free axes.

    torch's older exporter is used on purpose: it folds batch normalisation, is quicker here than the newer one,
    and writes no path of this machine into the file, so that equal weights are equal bytes.
    """
    opset, path = file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own deprecation
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            network.eval(), (example,), str(path), dynamo=False, opset_version=opset,
            input_names=list(inputs), output_names=list(outputs), dynamic_axes=inputs | outputs,
        )  # fmt: skip
