from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from radloop.modeling.backbones import CLASSIFIERS
from radloop.modeling.engines import OnnxEngine, TorchEngine, largest_difference
from radloop.modeling.export import export_onnx, export_segmenter
from radloop.modeling.networks import Network, build
from radloop.segmentation.engines import OnnxSegmenter, TorchSegmenter
from radloop.segmentation.networks import BUILDERS, Segmenter, build_segmenter

QUICK = ("resnet18", "resnet50", "densenet121", "efficientnet-b0")
NAMES = [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in CLASSIFIERS]


def settle(network: nn.Module, batch: torch.Tensor) -> None:
    """Bring normalisations to what training makes of them: statistics of a batch, and blocks that add little.

    Where they are as at the start, a deep residual network answers 1e5, an efficient one 1e-12, and each block
    doubles the error of rounding, in torch against itself at double precision as well.
    """
    norms = {name: one for name, one in network.named_modules() if isinstance(one, nn.BatchNorm2d | nn.BatchNorm3d)}
    last = ".bn3" if any(name.endswith(".bn3") for name in norms) else ".bn2"
    for name, norm in norms.items():
        norm.momentum = None  # the mean of what was seen
        nn.init.constant_(norm.weight, 0.06 if name.endswith(last) else 0.3)
    with torch.no_grad():
        network.train()(batch)
    network.eval()


def pictures(count: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Random coarse squares, uint8 [count, *shape]: unlike noise, two of them differ for a network that pools."""
    coarse = torch.rand(count, 1, *(4,) * (len(shape) - 1))
    return (nn.functional.interpolate(coarse, size=shape[1:]) * 255).to(torch.uint8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("slices", [0, 32])
def test_an_exported_classifier_says_what_torch_says_for_any_batch(name: str, slices: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    spec = Network(name, 2, 32, filters=8, slices=slices, findings=2)
    network = build(spec)
    images = pictures(16, spec.shape)
    settle(network, images)
    export_onnx(network, spec.shape, 18, tmp_path / "model.onnx")
    engine, told = OnnxEngine(tmp_path / "model.onnx", 1), TorchEngine(network, network.state_dict())
    for count in (1, 5):
        answer, expected = engine.infer(images[:count].numpy()), told.infer(images[:count].numpy())
        assert answer[0].shape == (count, 2) and answer[1].shape == (count, network.head.in_features)
        assert max(largest_difference(answer, expected).values()) < 1e-4
    assert answer[1].std(axis=0).mean() > 0.01, "a network that sees nothing would be exported well"


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("axes", [2, 3])
def test_an_exported_segmenter_says_what_torch_says_for_any_batch_and_size(
    name: str, axes: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    spec = Segmenter.plain(name, axes, 2, 3, (8, 16, 32))
    network = build_segmenter(spec)
    settle(network, torch.randn(2, 2, *(16,) * axes))
    export_segmenter(network, (2, *(16,) * axes), 18, tmp_path / "model.onnx")
    engine, told = OnnxSegmenter(tmp_path / "model.onnx", 1), TorchSegmenter(network)
    for count, size in ((1, (16, 16, 16)), (3, (24, 8, 32))):
        images = np.random.default_rng(0).standard_normal((count, 2, *size[:axes])).astype(np.float32)
        answer, expected = engine.infer(images), told.infer(images)
        assert answer.shape == (count, 3, *size[:axes]) and np.abs(answer - expected).max() < 1e-4
    assert answer.std() > 0.01


def test_supervised_stages_and_thick_slices_are_exported_as_one_answer(tmp_path: Path) -> None:
    strides, kernels = ((1, 1, 1), (2, 2, 1), (2, 2, 2)), ((3, 3, 1), (3, 3, 3), (3, 3, 3))
    network = build_segmenter(Segmenter("dynunet", 3, 1, 2, (8, 16, 32), strides, kernels, supervised=1))
    export_segmenter(network, (1, 16, 16, 4), 18, tmp_path / "model.onnx")
    images = np.random.default_rng(0).standard_normal((2, 1, 24, 16, 6)).astype(np.float32)
    answer = OnnxSegmenter(tmp_path / "model.onnx", 1).infer(images)
    assert np.abs(answer - TorchSegmenter(network).infer(images)).max() < 1e-4


def test_equal_weights_are_equal_bytes_and_a_file_is_whole(tmp_path: Path) -> None:
    network = build_segmenter(Segmenter.plain("unet", 3, 1, 2, (4, 8, 16)))
    for name in ("one.onnx", "other.onnx"):
        export_segmenter(network, (1, 8, 8, 8), 18, tmp_path / name)
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "other.onnx").read_bytes()
    onnx.checker.check_model(onnx.load(tmp_path / "one.onnx"), full_check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.onnx", "other.onnx"]
