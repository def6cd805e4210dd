from __future__ import annotations

import numpy as np
import pytest
import torch

from radloop.modeling.engines import OnnxEngine, TorchEngine, infer_all, largest_difference
from radloop.modeling.export import export_onnx
from radloop.modeling.networks import Network, build


@pytest.fixture(scope="module")
def engines(tmp_path_factory) -> tuple[OnnxEngine, TorchEngine]:
    torch.manual_seed(0)
    network = build(Network("resnet18", 2, 48, filters=16))
    path = tmp_path_factory.mktemp("engine") / "model.onnx"
    export_onnx(network, (1, 48, 48), 18, path)
    return OnnxEngine(path, 1), TorchEngine(network, network.state_dict())


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (9, 48, 48), dtype=np.uint8)


def test_onnx_says_what_torch_says(engines, images) -> None:
    onnx_engine, torch_engine = engines
    difference = largest_difference(infer_all(onnx_engine, images, 9), infer_all(torch_engine, images, 9))
    assert max(difference.values()) < 1e-4


@pytest.mark.parametrize("size", [1, 2, 4, 9, 100])
def test_the_batch_axis_is_dynamic_and_the_batch_hardly_matters(engines, images, size: int) -> None:
    one, other = infer_all(engines[0], images, size), infer_all(engines[0], images, 9)
    assert one[0].shape == (9,) and one[1].shape == (9, 128)
    assert max(largest_difference(one, other).values()) < 1e-5


def test_equal_batches_give_equal_bits(engines, images) -> None:
    one, other = infer_all(engines[0], images, 4), infer_all(engines[0], images, 4)
    assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])


def test_no_image_is_no_question(engines, images) -> None:
    with pytest.raises(ValueError, match="no image"):
        infer_all(engines[0], images[:0], 4)
