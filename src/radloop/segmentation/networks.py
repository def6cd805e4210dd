"""The networks that segment, by name, for films and for volumes: the published U-Net and three of MONAI's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import gcd, prod
from typing import Any, cast

from torch import nn

from radloop.errors import ConfigurationError
from radloop.segmentation.unet import UNet

Axes = tuple[int, ...]


@dataclass(frozen=True)
class Segmenter:
    """What must be known to build a segmenting network again.

    `axes`: 2 or 3; `classes`: with the background; `filters`: of each stage from the top, the bottleneck's last;
    `strides` and `kernels`: of each stage along each axis, the first stage's stride being 1; `supervised`: how many
    coarser stages answer too while it learns. All but `dynunet` take strides of 2, kernels of 3 and 0 supervised.
    """

    name: str
    axes: int
    channels: int
    classes: int
    filters: tuple[int, ...]
    strides: tuple[Axes, ...]
    kernels: tuple[Axes, ...]
    supervised: int = 0

    @classmethod
    def plain(cls, name: str, axes: int, channels: int, classes: int, filters: tuple[int, ...]) -> Segmenter:
        """One that halves all axes at every stage."""
        strides = tuple((1 if not stage else 2,) * axes for stage in range(len(filters)))
        return cls(name, axes, channels, classes, filters, strides, ((3,) * axes,) * len(filters))

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Segmenter:
        """The specification that `to_json` gave, after JSON or YAML made lists of its tuples."""
        nested = {name: tuple(tuple(one) for one in stored[name]) for name in ("strides", "kernels")}
        return cls(**{**stored, **nested, "filters": tuple(stored["filters"])})

    def to_json(self) -> dict[str, Any]:
        """The specification as a plan and a bundle's manifest keep it."""
        return asdict(self)

    @property
    def divisors(self) -> Axes:
        """What the sides of an input must be multiples of."""
        return tuple(prod(stride[axis] for stride in self.strides) for axis in range(self.axes))


def build_segmenter(spec: Segmenter) -> nn.Module:
    """Build a network with fresh weights: float [n, channels, ...] -> logits [n, classes, ...].

    While one with supervised stages learns, it answers [n, 1 + supervised, classes, ...], the finest first.
    Raises ConfigurationError for an unknown name, or for what the network cannot be made of.
    """
    if spec.name not in BUILDERS:
        raise ConfigurationError(
            f"unknown network {spec.name!r}; known: {', '.join(BUILDERS)}", "choose one in params.yaml: plan.network"
        )
    if not len(spec.filters) == len(spec.strides) == len(spec.kernels) or len(spec.filters) < 3:
        raise ConfigurationError(
            f"{len(spec.filters)} filters, {len(spec.strides)} strides and {len(spec.kernels)} kernels do not make a "
            "network: each stage has one of each, and there are 3 stages or more",
            "give plan.filters, plan.strides and plan.kernels the same length",
        )
    plain = Segmenter.plain(spec.name, spec.axes, spec.channels, spec.classes, spec.filters)
    if spec.name != "dynunet" and spec != plain:
        raise ConfigurationError(
            f"{spec.name!r} halves every axis at every stage, has kernels of 3 and answers once",
            "choose dynunet, or leave plan.strides, plan.kernels and plan.supervised out",
        )
    return BUILDERS[spec.name](spec)


def parameters(network: nn.Module) -> int:
    """How many numbers a network learns."""
    return sum(parameter.numel() for parameter in network.parameters())


def _unet(spec: Segmenter) -> nn.Module:
    return UNet(spec.axes, spec.channels, spec.classes, spec.filters)


def _dynunet(spec: Segmenter) -> nn.Module:
    """Isensee et al., Nature Methods 2021; as many stages may be supervised as there are beside the ends."""
    from monai.networks.nets.dynunet import DynUNet  # takes seconds to import

    if not 0 <= spec.supervised <= len(spec.filters) - 2:
        raise ConfigurationError(
            f"{spec.supervised} supervised stages of a network with {len(spec.filters)}: at most two fewer",
            "lower plan.supervised",
        )
    network = DynUNet(
        spec.axes, spec.channels, spec.classes, spec.kernels, spec.strides, spec.strides[1:], filters=spec.filters,
        deep_supervision=spec.supervised > 0, deep_supr_num=max(1, spec.supervised),
    )  # fmt: skip
    return cast(nn.Module, network)


def _segresnet(spec: Segmenter) -> nn.Module:
    """Myronenko, BrainLes 2018, without its autoencoder; its groups shrink where there are few filters."""
    from monai.networks.nets.segresnet import SegResNet

    first, depth = spec.filters[0], len(spec.filters)
    _require_doubling(spec)
    network = SegResNet(
        spec.axes, first, spec.channels, spec.classes, norm=("GROUP", {"num_groups": gcd(8, first)}),
        blocks_down=(1, *(2,) * (depth - 2), 4), blocks_up=(1,) * (depth - 1),
    )  # fmt: skip
    return cast(nn.Module, network)


def _require_doubling(spec: Segmenter) -> None:
    if spec.filters != tuple(spec.filters[0] * 2**stage for stage in range(len(spec.filters))):
        raise ConfigurationError(
            f"segresnet doubles its filters at every stage; {spec.filters} do not", "double plan.filters"
        )


def _attentionunet(spec: Segmenter) -> nn.Module:
    """Oktay et al., MIDL 2018."""
    from monai.networks.nets.attentionunet import AttentionUnet

    network = AttentionUnet(
        spec.axes, spec.channels, spec.classes, spec.filters, strides=(2,) * (len(spec.filters) - 1)
    )
    return cast(nn.Module, network)


BUILDERS = {"unet": _unet, "dynunet": _dynunet, "segresnet": _segresnet, "attentionunet": _attentionunet}
