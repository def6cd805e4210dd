"""Eight-bit copies of networks: smaller, nearly equal, and the same whenever they are made."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from radloop.modeling.engines import OnnxEngine, infer_all
from radloop.modeling.export import export_onnx, export_segmenter
from radloop.modeling.networks import Network, build
from radloop.modeling.quantise import quantise
from radloop.modeling.runtimes import OPENVINO, open_session
from radloop.segmentation.engines import OnnxSegmenter
from radloop.segmentation.networks import Segmenter, build_segmenter

needs_openvino = pytest.mark.skipif(
    find_spec("openvino") is None, reason=f"the extra is not installed: python -m pip install --no-deps {OPENVINO}"
)
RUNTIMES = ["onnxruntime", pytest.param("openvino", marks=needs_openvino)]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (24, 6, 6), dtype=np.uint8)
    return np.kron(coarse, np.ones((8, 8), np.uint8))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, images: np.ndarray) -> tuple[Path, Path]:
    """A classifier in float and in integers."""
    torch.manual_seed(0)
    network = build(Network("resnet18", 2, 48, filters=16))
    with torch.no_grad():
        network.train()(torch.from_numpy(images[:, None]))
    folder = tmp_path_factory.mktemp("quantise")
    export_onnx(network, (1, 48, 48), 18, folder / "full.onnx")
    quantise(folder / "full.onnx", folder / "int8.onnx", batches(images))
    return folder / "full.onnx", folder / "int8.onnx"


def batches(images: np.ndarray) -> Iterator[np.ndarray]:
    return (image[None, None] for image in images)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_integers_say_nearly_what_floats_say_for_any_batch(
    pair: tuple[Path, Path], images: np.ndarray, runtime: str
) -> None:
    full, cheaper = (infer_all(OnnxEngine(path, 1, runtime), images, 5) for path in pair)
    for one, other in zip(full, cheaper, strict=True):
        assert other.shape == one.shape and 0 < np.abs(one - other).max() < 0.2 * np.abs(one).max()
    assert np.corrcoef(full[0], cheaper[0])[0, 1] > 0.98


def test_weights_take_a_quarter_and_the_head_stays_in_float(pair: tuple[Path, Path]) -> None:
    full, cheaper = pair
    assert cheaper.stat().st_size < 0.35 * full.stat().st_size
    graph = onnx.load(cheaper).graph
    kinds = {one.name: one.data_type for one in graph.initializer}
    (head,) = (node for node in graph.node if node.op_type == "Gemm")
    assert kinds[head.input[1]] == onnx.TensorProto.FLOAT
    assert onnx.TensorProto.INT8 in kinds.values()


def test_equal_inputs_give_equal_bytes_that_tell_nothing_of_the_machine(
    pair: tuple[Path, Path], images: np.ndarray, tmp_path: Path
) -> None:
    quantise(pair[0], tmp_path / "again.onnx", batches(images))
    content = (tmp_path / "again.onnx").read_bytes()
    assert content == pair[1].read_bytes()
    assert b"/tmp" not in content and str(tmp_path).encode() not in content
    assert [path.name for path in tmp_path.iterdir()] == ["again.onnx"]


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("axes", [2, 3])
def test_a_segmenter_is_quantised_and_keeps_its_free_sides(axes: int, runtime: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_segmenter(Segmenter.plain("unet", axes, 1, 2, (8, 16, 32)))
    export_segmenter(network, (1, *(16,) * axes), 18, tmp_path / "full.onnx")
    random = np.random.default_rng(0)
    shown = (random.standard_normal((1, 1, *(16,) * axes)).astype(np.float32) for _ in range(8))
    quantise(tmp_path / "full.onnx", tmp_path / "int8.onnx", shown)
    batch = random.standard_normal((2, 1, *(24, 16, 8)[:axes])).astype(np.float32)
    full, cheaper = (OnnxSegmenter(tmp_path / name, 1, runtime).infer(batch) for name in ("full.onnx", "int8.onnx"))
    assert cheaper.shape == full.shape
    assert np.corrcoef(full.ravel(), cheaper.ravel())[0, 1] > 0.99


def test_nothing_to_calibrate_on_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        quantise(pair[0], tmp_path / "int8.onnx", iter(()))
    assert list(tmp_path.iterdir()) == []


def test_the_answers_keep_their_names(pair: tuple[Path, Path], images: np.ndarray) -> None:
    (embedding,) = open_session(pair[1], 1).run(["embedding"], {"image": images[:1, None]})
    assert embedding.shape == (1, 128)
