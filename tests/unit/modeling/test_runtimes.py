"""One ONNX file says the same whatever runs it, and says how to install what is missing."""

from __future__ import annotations

import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from radloop.errors import ConfigurationError
from radloop.modeling.engines import OnnxEngine, infer_all, largest_difference
from radloop.modeling.export import export_onnx, export_segmenter
from radloop.modeling.networks import Network, build
from radloop.modeling.runtimes import OPENVINO, open_session
from radloop.segmentation.engines import OnnxSegmenter
from radloop.segmentation.networks import BUILDERS, Segmenter, build_segmenter
from radloop.settings import PROJECT

needs_openvino = pytest.mark.skipif(
    find_spec("openvino") is None, reason=f"the extra is not installed: python -m pip install --no-deps {OPENVINO}"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier whose normalisations have seen a batch."""
    torch.manual_seed(0)
    network = build(Network("resnet18", 2, 48, filters=16))
    with torch.no_grad():
        network.train()(torch.randint(0, 256, (16, 1, 48, 48), dtype=torch.uint8))
    path = tmp_path_factory.mktemp("runtimes") / "model.onnx"
    export_onnx(network, (1, 48, 48), 18, path)
    return path


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (9, 48, 48), dtype=np.uint8)


@needs_openvino
@pytest.mark.parametrize("size", [1, 4, 9])
def test_openvino_says_what_onnx_runtime_says(model: Path, images: np.ndarray, size: int) -> None:
    ours, theirs = (infer_all(OnnxEngine(model, 1, name), images, size) for name in ("openvino", "onnxruntime"))
    assert ours[0].shape == (9,) and ours[0].std() > 0.01
    assert max(largest_difference(ours, theirs).values()) < 1e-4


@needs_openvino
@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("axes", [2, 3])
def test_openvino_segments_as_onnx_runtime_does_at_any_size(name: str, axes: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_segmenter(Segmenter.plain(name, axes, 2, 3, (8, 16, 32)))
    export_segmenter(network, (2, *(16,) * axes), 18, tmp_path / "model.onnx")
    ours, theirs = (OnnxSegmenter(tmp_path / "model.onnx", 1, runtime) for runtime in ("openvino", "onnxruntime"))
    for count, size in ((1, (16, 16, 16)), (2, (24, 8, 32))):
        batch = np.random.default_rng(0).standard_normal((count, 2, *size[:axes])).astype(np.float32)
        answer, expected = ours.infer(batch), theirs.infer(batch)
        assert answer.shape == (count, 3, *size[:axes]) and answer.std() > 1e-3
        assert np.abs(answer - expected).max() < 1e-4 * max(1.0, np.abs(expected).max())


@needs_openvino
@pytest.mark.parametrize("threads", [1, 2])
def test_openvino_gives_equal_bits_for_equal_batches_at_equal_threads(
    model: Path, images: np.ndarray, threads: int
) -> None:
    answers = [infer_all(OnnxEngine(model, threads, "openvino"), images, 4) for _ in range(2)]
    engine = OnnxEngine(model, threads, "openvino")
    answers += [infer_all(engine, images, 4) for _ in range(2)]
    assert all(np.array_equal(one, first) for answer in answers for one, first in zip(answer, answers[0], strict=True))


@needs_openvino
def test_one_and_two_threads_of_openvino_differ_by_rounding_alone(model: Path, images: np.ndarray) -> None:
    one, two = (infer_all(OnnxEngine(model, threads, "openvino"), images, 9) for threads in (1, 2))
    assert max(largest_difference(one, two).values()) < 1e-5


@pytest.mark.parametrize("runtime", ["onnxruntime", pytest.param("openvino", marks=needs_openvino)])
def test_answers_of_several_threads_at_once_are_not_mixed_up(model: Path, images: np.ndarray, runtime: str) -> None:
    engine = OnnxEngine(model, 1, runtime)
    alone = [engine.infer(image[None, None])[0] for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda n: engine.infer(images[n % 9][None, None])[0], range(45)))
    assert all(np.array_equal(answer, alone[n % 9]) for n, answer in enumerate(together))


def test_an_engine_that_is_not_installed_says_how_to_install_it(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ConfigurationError, match="not installed") as caught:
        open_session(model, 1, "openvino")
    assert f"pip install --no-deps {OPENVINO}" in caught.value.next_step


def test_the_version_that_is_named_is_the_extras() -> None:
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["openvino"] == [OPENVINO]
