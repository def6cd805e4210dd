"""From trained weights to an ONNX file that takes uint8 batches of any size."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import torch

from radloop.modeling.networks import Classifier


def export_onnx(network: Classifier, size: int, opset: int, path: Path) -> None:
    """Write `network` as one self-contained ONNX file: image uint8 [n, 1, size, size] -> logit [n], embedding [n, d].

    torch's older exporter is used on purpose: it folds batch normalisation, is quicker here than the newer one,
    and writes no path of this machine into the file, so that equal weights are equal bytes.
    """
    example = torch.zeros(2, 1, size, size, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own deprecation
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            network.eval(), (example,), str(path), dynamo=False, opset_version=opset,
            input_names=["image"], output_names=["logit", "embedding"],
            dynamic_axes={"image": {0: "n"}, "logit": {0: "n"}, "embedding": {0: "n"}},
        )  # fmt: skip
