"""From an ONNX file in float to one in 8-bit integers, by static post-training quantisation."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from radloop.files import write_bytes

#: What stays in float: a head of a few multiplications, whose rounding the logit would show.
HEAD = "Gemm"
INPUT = "image"


def quantise(model: Path, target: Path, batches: Iterable[np.ndarray]) -> None:
    """Write `model` again as `target`, with weights and activations in 8 bits where that is faster.

    `batches` are inputs from the training split, over which the range of every activation is taken; each has the
    shape that `model` takes. Weights are signed with a scale for each filter; activations are unsigned, because every
    processor multiplies those by signed ones and older ones do nothing else. Both engines read what is written.
    Equal inputs give equal bytes. Raises ValueError for no batch.
    Source: Jacob et al., CVPR 2018.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static  # a second to import
    from onnxruntime.quantization.shape_inference import quant_pre_process

    calibration = _calibration(batches)
    with tempfile.TemporaryDirectory() as folder:
        folded, quantised = Path(folder) / "folded.onnx", Path(folder) / "quantised.onnx"
        quant_pre_process(str(model), str(folded), skip_symbolic_shape=True)
        quantize_static(
            str(folded), str(quantised), calibration, quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_exclude=_heads(folded),
        )  # fmt: skip
        write_bytes(target, quantised.read_bytes())


def _heads(model: Path) -> list[str]:
    import onnx

    return [node.name for node in onnx.load(str(model)).graph.node if node.op_type == HEAD]


def _calibration(batches: Iterable[np.ndarray]) -> object:
    """ONNX Runtime's reader of batches, whose base is not to be imported before it is needed."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, batches: Iterator[np.ndarray]) -> None:
            self._batches = batches

        def get_next(self) -> dict[str, np.ndarray] | None:
            """The next input by its name, or None at the end."""
            batch = next(self._batches, None)
            return None if batch is None else {INPUT: np.ascontiguousarray(batch)}

    return Reader(iter(batches))
