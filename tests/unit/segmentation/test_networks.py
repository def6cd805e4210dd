from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from radloop.errors import ConfigurationError
from radloop.segmentation.networks import BUILDERS, Segmenter, build_segmenter, parameters
from radloop.segmentation.unet import UNet

PUBLISHED = (64, 128, 256, 512, 1024)


def convolution(side: int, axes: int, channels: int, filters: int) -> int:
    return side**axes * channels * filters + filters


def by_hand(axes: int, channels: int, classes: int) -> int:
    """Parameters of the published U-Net, layer by layer as the paper's figure 1 shows them."""
    count, before = 0, channels
    for filters in PUBLISHED:
        count += convolution(3, axes, before, filters) + convolution(3, axes, filters, filters)
        before = filters
    for filters in (512, 256, 128, 64):
        count += convolution(2, axes, 2 * filters, filters)
        count += convolution(3, axes, 2 * filters, filters) + convolution(3, axes, filters, filters)
    return count + convolution(1, axes, 64, classes)


@pytest.mark.parametrize(("axes", "known"), [(2, 31_030_658), (3, 90_292_738)])
def test_the_published_u_net_has_the_parameters_of_its_layers(axes: int, known: int) -> None:
    with torch.device("meta"):
        network = UNet(axes, 1, 2, PUBLISHED)
    assert parameters(network) == by_hand(axes, 1, 2) == known


def test_the_published_u_net_has_its_layers_in_order() -> None:
    with torch.device("meta"):
        network = UNet(2, 1, 2, PUBLISHED)
        assert [stage.second.out_channels for stage in network.down] == list(PUBLISHED)
        assert [up.up.out_channels for up in network.ups] == [512, 256, 128, 64]
        assert network(torch.zeros(2, 1, 64, 96)).shape == (2, 2, 64, 96)


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("axes", [2, 3])
def test_a_network_answers_for_every_voxel_and_learns_in_every_weight(name: str, axes: int) -> None:
    network = build_segmenter(Segmenter.plain(name, axes, 2, 3, (8, 16, 32)))
    logits = network(torch.randn(2, 2, *(16, 8, 24)[:axes]))
    assert logits.shape == (2, 3, *(16, 8, 24)[:axes])
    logits.square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())


def test_a_u_net_sees_through_its_skips_and_through_its_bottleneck() -> None:
    torch.manual_seed(0)
    network = UNet(2, 1, 1, (4, 8, 16)).eval()
    images = torch.randn(1, 1, 16, 16)
    with torch.inference_mode():
        whole = network(images)
        network.down[-1].second.weight.zero_()
        skips_alone = network(images)
        for up in network.ups:  # the skip comes first in what a stage is given
            up.stage.first.weight[:, : up.up.out_channels].zero_()
        nothing = network(images)
    assert not torch.allclose(whole, skips_alone) and skips_alone.std() > 0
    assert nothing.std() < 1e-6


def test_thick_slices_are_halved_less_often_than_the_plane() -> None:
    strides, kernels = ((1, 1, 1), (2, 2, 1), (2, 2, 2)), ((3, 3, 1), (3, 3, 3), (3, 3, 3))
    spec = Segmenter("dynunet", 3, 1, 2, (8, 16, 32), strides, kernels, supervised=1)
    assert spec.divisors == (4, 4, 2)
    network = build_segmenter(spec)
    images = torch.randn(1, 1, 16, 16, 6)
    assert network(images).shape == (1, 2, 2, 16, 16, 6)
    assert network.eval()(images).shape == (1, 2, 16, 16, 6)


def test_what_a_network_cannot_be_made_of_is_refused() -> None:
    plain = Segmenter.plain("unet", 2, 1, 2, (8, 16, 32))
    for bad, words in [
        (replace(plain, name="vnet"), "known: unet, dynunet, segresnet, attentionunet"),
        (replace(plain, strides=((1, 1), (2, 1), (2, 2))), "halves every axis"),
        (replace(plain, supervised=1), "answers once"),
        (replace(plain, filters=(8, 16)), "2 filters, 3 strides"),
        (replace(plain, name="dynunet", supervised=2), "at most two fewer"),
        (Segmenter.plain("segresnet", 2, 1, 2, (8, 16, 48)), "doubles its filters"),
    ]:
        with pytest.raises(ConfigurationError, match=words):
            build_segmenter(bad)


def test_a_specification_survives_json() -> None:
    spec = Segmenter.plain("dynunet", 3, 1, 3, (8, 16, 32, 64))
    assert Segmenter.from_json(json.loads(json.dumps(spec.to_json()))) == spec
