from __future__ import annotations

import pytest
import torch
from torch import nn

from radloop.modeling.averaging import Average
from radloop.modeling.weights import cpu_copy, take_weights, weights_of


class Twice(nn.Module):
    """A network that reaches one layer by two names, as MONAI's DynUNet does."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.again = self.first
        self.last = nn.BatchNorm1d(3)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.last(self.again(self.first(values)))


def test_a_layer_of_two_names_is_kept_once() -> None:
    assert set(weights_of(Twice())) == {
        "first.weight", "first.bias",
        *(f"last.{name}" for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")),
    }  # fmt: skip


def test_an_equal_network_takes_them_and_says_the_same() -> None:
    one, other = Twice().eval(), Twice().eval()
    take_weights(other, cpu_copy(one))
    values = torch.randn(4, 3)
    assert torch.equal(one(values), other(values))


def test_weights_of_another_network_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"1 names differ, as first\.bias"):
        take_weights(Twice(), {name: value for name, value in weights_of(Twice()).items() if name != "first.bias"})


def test_later_steps_cannot_change_a_copy() -> None:
    network = Twice()
    kept = cpu_copy(network)
    with torch.no_grad():
        network.first.weight.zero_()
    assert kept["first.weight"].abs().sum() > 0


def test_a_layer_of_two_names_is_averaged_once() -> None:
    network = Twice()
    average = Average(network, 0.9)
    before = average.network.first.weight.clone()
    with torch.no_grad():
        network.first.weight.add_(1.0)
    average.update()
    assert torch.allclose(average.network.first.weight, before + 10.0 / 11.0)
