"""What runs an ONNX file: ONNX Runtime, or OpenVINO where its extra is installed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from radloop.errors import ConfigurationError

Runtime = Literal["onnxruntime", "openvino"]
DEFAULT: Runtime = "onnxruntime"
#: The version that pyproject's extra names; it needs nothing that the core has not.
OPENVINO = "openvino==2026.4.0"


class Session(Protocol):
    """A loaded network that answers by the names of its inputs and outputs."""

    def run(self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The named outputs for these inputs; safe to call from several threads at once."""
        ...


def open_session(model: Path, threads: int, runtime: Runtime = DEFAULT) -> Session:
    """Load an ONNX file on the CPU, with fixed options, so that equal batches give equal bits.

    `threads` changes how sums are split, and so their last digits: a bundle says how many it was judged with.
    Raises ConfigurationError where OpenVINO is asked for and not installed.
    """
    return OpenVinoSession(model, threads) if runtime == "openvino" else _onnxruntime(model, threads)


def require(runtime: Runtime | None) -> None:
    """Let a runtime pass that is installed. Raises ConfigurationError, which says how to install it."""
    if runtime == "openvino":
        _openvino()


def _onnxruntime(model: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    # an idle thread that spins doubles the processor time of a single image and changes no bit of its answer
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


class OpenVinoSession:
    """OpenVINO's CPU plug-in, one batch at a time over all its threads."""

    def __init__(self, model: Path, threads: int) -> None:
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(threads),
            # else processors that have it compute in bfloat16, whose third digit is already wrong
            "INFERENCE_PRECISION_HINT": "f32",
            # else two services of one machine crowd on the same cores
            "ENABLE_CPU_PINNING": "NO",
        }
        self._request = _openvino().Core().compile_model(str(model), "CPU", options).create_infer_request()
        self._turn = threading.Lock()

    def run(self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The named outputs, copied: the request's own memory belongs to the next batch."""
        with self._turn:
            self._request.infer(dict(feeds), share_inputs=True)
            return [np.array(self._request.get_tensor(name).data) for name in outputs]


def _openvino() -> Any:
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "the engine openvino is asked for, and OpenVINO is not installed.",
            f"python -m pip install --no-deps {OPENVINO}, or choose onnxruntime",
        ) from error
    return openvino
