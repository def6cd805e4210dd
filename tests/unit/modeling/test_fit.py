from __future__ import annotations

import numpy as np
import pytest
import torch

from radloop.errors import ConfigurationError, GateClosed
from radloop.modeling import fit as fitting
from radloop.modeling.averaging import Average
from radloop.modeling.course import finished
from radloop.modeling.dataset import Labelled, select
from radloop.modeling.determinism import choose_device
from radloop.modeling.fit import auroc, cross_entropy, positive_weight
from radloop.modeling.networks import Network, build
from radloop.modeling.session import Best, Session


def split(count: int = 20) -> Labelled:
    images = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    return Labelled(images, np.arange(count)[::-1].copy(), (np.arange(count) % 4 == 0).astype(np.float32))


def test_an_epoch_shows_every_image_at_most_once_and_in_a_new_order() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = ([int(x[0, 0, 0]) for images, _ in split().shuffled(8, generator) for x in images] for _ in "ab")
    assert len(first) == len(set(first)) == 16 and first != second


def test_images_keep_their_labels_when_shuffled() -> None:
    for images, labels in split().shuffled(8, torch.Generator().manual_seed(1)):
        assert [(19 - int(x[0, 0, 0])) % 4 == 0 for x in images] == labels.bool().tolist()


def test_a_set_smaller_than_a_batch_is_one_batch() -> None:
    batches = list(split(5).shuffled(8, torch.Generator().manual_seed(0)))
    assert [len(images) for images, _ in batches] == [5] and split(5).steps(8) == 1


def test_area_under_the_curve_counts_pairs_with_ties_as_half() -> None:
    labels, scores = np.array([0, 1, 0, 1, 1]), np.array([0.1, 0.1, 0.4, 0.8, 0.9])
    assert auroc(labels, scores) == pytest.approx((0.5 + 0 + 1 + 1 + 1 + 1) / 6)


def test_cross_entropy_is_that_of_the_textbook() -> None:
    probability = 1 / (1 + np.exp(-np.array([2.0, -1.0])))
    expected = -np.mean(np.log([probability[0], 1 - probability[1]]))
    assert cross_entropy(np.array([1.0, 0.0]), np.array([2.0, -1.0])) == pytest.approx(expected)


def test_class_weighting_lets_positives_weigh_as_much_as_negatives(case) -> None:
    labels = np.array([1, 0, 0, 0], np.float32)
    assert float(positive_weight(labels, case.train)) == 3.0
    assert float(positive_weight(labels, case.train.model_copy(update={"class_weighting": False}))) == 1.0


@pytest.mark.parametrize(("epoch", "best", "over"), [(3, 3, False), (9, 2, True), (5, 2, False), (12, 12, True)])
def test_training_stops_after_its_epochs_or_when_patience_ends(epoch: int, best: int, over: bool, case) -> None:
    settings = case.train.model_copy(update={"epochs": 12, "patience": 7})
    session = Session.__new__(Session)
    session.epoch, session.best = epoch, Best(best, 0.8)
    assert finished(session, settings) is over


def test_early_epochs_are_small_only_where_the_params_say_so(case) -> None:
    settings = case.train.model_copy(update={"small_epochs": 2, "small_size": 64})
    assert [fitting.small_or_full(epoch, settings, 128) for epoch in (0, 1, 2)] == [64, 64, 128]


def test_a_split_without_a_positive_closes_the_gate() -> None:
    import pandas as pd

    index = pd.DataFrame({"split": ["train"] * 3, "label": [False, False, None], "row": [0, 1, 2]})
    with pytest.raises(GateClosed, match="2 labelled images, 0 of them positive"):
        select(np.zeros((3, 4, 4), np.uint8), index, "train")


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="resnet18"):
        build(Network("vgg", 2, 32))


def test_the_network_takes_bytes_of_any_size_and_gives_logit_and_embedding() -> None:
    network = build(Network("resnet18", 2, 64)).eval()
    assert network.backbone.conv1.stride == (2, 2)
    for side in (48, 64):
        logit, embedding = network(torch.zeros(3, 1, side, side, dtype=torch.uint8))
        assert logit.shape == (3,) and embedding.shape == (3, 512)


def test_the_average_follows_the_weights_and_their_statistics() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    average = Average(network, 0.5)
    with torch.no_grad():
        network[0].weight.fill_(1.0)
        network[1].running_mean.fill_(4.0)
    for _ in range(60):
        average.update()
    assert torch.allclose(average.network[0].weight, torch.ones(2, 2), atol=1e-3)
    assert torch.allclose(average.network[1].running_mean, torch.full((2,), 4.0), atol=1e-3)
    assert not any(parameter.requires_grad for parameter in average.network.parameters())


@pytest.mark.parametrize("wish", ["tpu", "cuda"])
def test_a_device_that_is_not_there_is_refused(wish: str, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigurationError, match="this machine offers cpu"):
        choose_device(wish)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
