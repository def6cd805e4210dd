from __future__ import annotations

import pytest
import torch

from radloop.errors import ConfigurationError
from radloop.modeling.backbones import CLASSIFIERS
from radloop.modeling.networks import Network, build

#: Parameters as published, for three colours and 1000 classes.
PUBLISHED = {
    "resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032, "resnet101": 44_549_160,
    "resnet152": 60_192_808, "densenet121": 7_978_856, "densenet169": 14_149_480, "densenet201": 20_013_928,
    "efficientnet-b0": 5_288_548, "efficientnet-b1": 7_794_184, "efficientnet-b2": 9_109_994,
    "efficientnet-b3": 12_233_232, "efficientnet-b4": 19_341_616, "efficientnet-b5": 30_389_784,
    "efficientnet-b6": 43_040_704, "efficientnet-b7": 66_347_960,
}  # fmt: skip
#: What a first layer has for each colour beyond the first: its kernel times its filters.
STEM = {"resnet": 49 * 64, "densenet": 49 * 64}
STEM_OF_EFFICIENT = {"b0": 32, "b1": 32, "b2": 32, "b3": 40, "b4": 48, "b5": 48, "b6": 56, "b7": 64}
#: Biases of the three convolutions of shortcuts, before a normalisation that takes them away again.
IDLE = {"resnet18": 128 + 256 + 512, "resnet34": 128 + 256 + 512}

QUICK = ("resnet18", "resnet50", "densenet121", "efficientnet-b0")
NAMES = [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in CLASSIFIERS]


def stem(name: str) -> int:
    family, _, member = name.partition("-")
    return 9 * STEM_OF_EFFICIENT[member] if member else STEM[family.rstrip("0123456789")]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_network_has_the_published_number_of_parameters(name: str) -> None:
    with torch.device("meta"):
        network = build(Network(name, 2, 64))
    length = network.head.in_features
    body = sum(parameter.numel() for parameter in network.backbone.parameters())
    assert body + 2 * stem(name) + 1000 * (length + 1) == PUBLISHED[name] + IDLE.get(name, 0)


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("slices", [0, 32])
def test_films_and_volumes_give_logits_and_the_embedding_that_they_come_from(name: str, slices: int) -> None:
    network = build(Network(name, 2, 32, filters=8, slices=slices, findings=3)).eval()
    images = torch.randint(0, 256, (2, 1, 32, 32, slices)[: 5 if slices else 4], dtype=torch.uint8)
    with torch.inference_mode():
        logit, embedding = network(images)
        assert logit.shape == (2, 3) and embedding.shape == (2, network.head.in_features)
        assert torch.equal(logit, network.head(embedding))


@pytest.mark.parametrize("name", NAMES)
def test_every_name_learns_in_two_and_in_three_dimensions(name: str) -> None:
    for slices in (0, 32):
        with torch.device("meta"):
            network = build(Network(name, 2, 32, filters=8, slices=slices))
            images = torch.zeros((4, 1, 32, 32, slices)[: 5 if slices else 4], dtype=torch.uint8)
        network.train()
        logit, _ = network(images)
        logit.sum().backward()
        assert logit.shape == (4,)
        assert all(parameter.grad is not None for parameter in network.parameters())


def test_one_finding_has_one_number_per_case() -> None:
    network = build(Network("densenet121", 2, 32, filters=8)).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 1, 32, 32))[0].shape == (2,)


def test_a_specification_survives_json_and_an_older_one_is_read() -> None:
    spec = Network("resnet18", 2, 64, 16, slices=12, findings=4)
    assert Network(**spec.to_json()) == spec and spec.shape == (1, 64, 64, 12)
    assert Network(name="resnet18", conv1_stride=2, size=64, filters=64).shape == (1, 64, 64)


@pytest.mark.parametrize(("size", "slices"), [(28, 0), (64, 16)])
def test_an_input_that_cannot_be_halved_five_times_is_refused_where_that_is_needed(size: int, slices: int) -> None:
    with pytest.raises(ConfigurationError, match="below 32"):
        build(Network("densenet121", 2, size, filters=8, slices=slices))
    assert build(Network("resnet18", 1, size, filters=8, slices=slices)).head.in_features == 64
