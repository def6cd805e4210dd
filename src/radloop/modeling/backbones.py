"""The bodies of the classifiers by name: MONAI's residual, dense and efficient networks, for films and for volumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from torch import nn

from radloop.errors import ConfigurationError

#: Blocks per layer of the residual networks; from 50 layers on the blocks have a bottleneck (He et al., CVPR 2016).
RESNETS = {
    "resnet10": (1, 1, 1, 1), "resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3), "resnet152": (3, 8, 36, 3),
}  # fmt: skip
PLAIN_BLOCKS = ("resnet10", "resnet18", "resnet34")
#: Layers per block of the dense networks (Huang et al., CVPR 2017).
DENSENETS = {
    "densenet121": (6, 12, 24, 16), "densenet169": (6, 12, 32, 32),
    "densenet201": (6, 12, 48, 32), "densenet264": (6, 12, 64, 48),
}  # fmt: skip
#: Width, depth and share of dropped features of the efficient networks (Tan & Le, ICML 2019).
EFFICIENTNETS = {
    "efficientnet-b0": (1.0, 1.0, 0.2), "efficientnet-b1": (1.0, 1.1, 0.2), "efficientnet-b2": (1.1, 1.2, 0.3),
    "efficientnet-b3": (1.2, 1.4, 0.3), "efficientnet-b4": (1.4, 1.8, 0.4), "efficientnet-b5": (1.6, 2.2, 0.4),
    "efficientnet-b6": (1.8, 2.6, 0.5), "efficientnet-b7": (2.0, 3.1, 0.5),
}  # fmt: skip
#: Repeats, kernel, stride, expansion, filters in and out of each stage of B0: table 1 of the same paper.
STAGES = (
    (1, 3, 1, 1, 32, 16), (2, 3, 2, 6, 16, 24), (2, 5, 2, 6, 24, 40), (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112), (4, 5, 2, 6, 112, 192), (1, 3, 1, 6, 192, 320),
)  # fmt: skip
CLASSIFIERS = (*RESNETS, *DENSENETS, *EFFICIENTNETS)
#: Filters of the first layer as published; other numbers make a network narrower or wider in all layers.
PUBLISHED = 64


@dataclass(frozen=True)
class Body:
    """What a body is made of: its name, axes and channels of its input, filters of its first layer, stride of it."""

    name: str
    axes: int
    channels: int
    filters: int
    stride: int


def build_body(body: Body) -> tuple[nn.Module, int]:
    """A network that ends in its embedding, with fresh weights, and the embedding's length.

    The stride of the stem is a knob of residual networks alone; the others have 2 as published.
    Raises ConfigurationError for an unknown name.
    """
    if body.name in RESNETS:
        return _resnet(body)
    if body.name in DENSENETS:
        return _densenet(body)
    if body.name in EFFICIENTNETS:
        return _efficientnet(body)
    raise ConfigurationError(
        f"unknown network {body.name!r}; known: {', '.join(CLASSIFIERS)}", "choose one in params.yaml: train.network"
    )


def _resnet(body: Body) -> tuple[nn.Module, int]:
    from monai.networks.nets.resnet import ResNet, ResNetBlock, ResNetBottleneck  # takes seconds to import

    plain = body.name in PLAIN_BLOCKS
    block = ResNetBlock if plain else ResNetBottleneck
    planes = [body.filters * factor for factor in (1, 2, 4, 8)]
    network = ResNet(
        block, list(RESNETS[body.name]), planes,
        spatial_dims=body.axes, n_input_channels=body.channels, conv1_t_stride=body.stride, feed_forward=False,
        bias_downsample=plain,  # a bias before a normalisation does nothing, but models in use have it
    )  # fmt: skip
    return cast(nn.Module, network), planes[-1] * block.expansion


def _densenet(body: Body) -> tuple[nn.Module, int]:
    from monai.networks.nets.densenet import DenseNet

    network = DenseNet(
        body.axes, body.channels, out_channels=1,
        init_features=body.filters, growth_rate=body.filters // 2, block_config=DENSENETS[body.name],
    )  # fmt: skip
    length = network.class_layers.out.in_features
    network.class_layers.out = nn.Identity()
    return cast(nn.Module, network), int(length)


def _efficientnet(body: Body) -> tuple[nn.Module, int]:
    from monai.networks.nets.efficientnet import EfficientNet

    width, depth, dropped = EFFICIENTNETS[body.name]
    stages = [f"r{r}_k{k}_s{s}{s}_e{e}_i{i}_o{o}_se0.25" for r, k, s, e, i, o in STAGES]
    network = EfficientNet(
        stages, body.axes, body.channels, num_classes=1, dropout_rate=dropped,
        width_coefficient=width * body.filters / PUBLISHED, depth_coefficient=depth,
    )  # fmt: skip
    network.set_swish(memory_efficient=False)  # the other is no operation that ONNX has
    length = network._fc.in_features
    network._fc = nn.Identity()
    return cast(nn.Module, network), int(length)
