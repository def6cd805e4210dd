from __future__ import annotations

import pytest
import torch
from torch.nn.functional import one_hot

from radloop.segmentation.losses import Loss, soft_dice, stage_weights


def sure(labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Logits that leave no doubt about `labels` [n, ...]."""
    return one_hot(labels, classes).movedim(-1, 1).float() * 60 - 30


@pytest.mark.parametrize("size", [(6, 8), (4, 6, 8)])
@pytest.mark.parametrize("over_batch", [False, True])
def test_dice_and_cross_entropy_are_those_of_monai(size: tuple[int, ...], over_batch: bool) -> None:
    from monai.losses.dice import DiceCELoss

    torch.manual_seed(0)
    logits, labels = torch.randn(3, 4, *size), torch.randint(0, 4, (3, *size))
    theirs = DiceCELoss(False, to_onehot_y=True, softmax=True, batch=over_batch, smooth_nr=1e-5, smooth_dr=1e-5)
    ours = Loss(over_batch=over_batch)(logits, labels)
    assert float(ours) == pytest.approx(float(theirs(logits, labels.unsqueeze(1))), rel=1e-5)


def test_overlap_by_hand() -> None:
    labels = torch.tensor([[0, 0, 1, 1]])
    found = sure(torch.tensor([[0, 1, 1, 1]]), 2)
    assert float(soft_dice(found, labels, False)) == pytest.approx(2 * 2 / (3 + 2), abs=1e-4)
    assert float(Loss(dice=1.0, cross_entropy=0.0)(found, labels)) == pytest.approx(0.2, abs=1e-4)
    assert float(Loss(dice=0.0)(torch.zeros(1, 2, 4), labels)) == pytest.approx(0.6931, abs=1e-4)


def test_a_patch_without_a_class_costs_nothing_where_the_batch_has_it() -> None:
    labels = torch.tensor([[0, 0, 0, 0], [0, 1, 1, 0]])
    found = sure(torch.tensor([[0, 0, 0, 1], [0, 1, 1, 0]]), 2)  # one voxel too many in the empty patch
    assert float(soft_dice(found, labels, over_batch=False)) == pytest.approx(0.5, abs=1e-3)
    assert float(soft_dice(found, labels, over_batch=True)) == pytest.approx(2 * 2 / (3 + 2), abs=1e-3)


def test_perfect_answers_cost_nothing_and_wrong_ones_most() -> None:
    labels = torch.randint(0, 3, (2, 4, 4))
    assert float(Loss()(sure(labels, 3), labels)) < 1e-4
    assert float(Loss(cross_entropy=0.0)(sure((labels + 1) % 3, 3), labels)) > 0.99


def test_coarser_stages_count_half_of_the_one_before() -> None:
    assert stage_weights(3).tolist() == pytest.approx([4 / 7, 2 / 7, 1 / 7])
    labels = torch.randint(0, 2, (2, 4, 4, 4))
    stages = torch.randn(2, 3, 2, 4, 4, 4)
    apart = [float(Loss()(stages[:, stage], labels)) for stage in range(3)]
    assert float(Loss()(stages, labels)) == pytest.approx((4 * apart[0] + 2 * apart[1] + apart[2]) / 7, rel=1e-5)


def test_the_loss_falls_along_its_gradient() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 3, 8, 8, requires_grad=True), torch.randint(0, 3, (2, 8, 8))
    before = Loss()(logits, labels)
    before.backward()
    assert Loss()(logits - logits.grad, labels).item() < before.item()
