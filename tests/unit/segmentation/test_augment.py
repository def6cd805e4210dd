from __future__ import annotations

import pytest
import torch

from radloop.sections.segmentation import Deform
from radloop.segmentation.augment import augment_patches, reach_of

STILL = Deform(rotate=0, scale=0, flip=False, brightness=0, contrast=0, gamma=0, noise=0)
SIDES = {2: (12, 10), 3: (12, 10, 8)}
EVEN = (1.0, 1.0, 1.0)


def batch(axes: int, side: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """A bright box, labelled, off the middle, on grain."""
    sides = SIDES[axes] if side is None else (side,) * axes
    images = torch.randn(3, 2, *sides, generator=torch.Generator().manual_seed(1)) * 0.1
    labels = torch.zeros(3, *sides, dtype=torch.uint8)
    box = (slice(2, 6),) * axes
    images[(slice(None), slice(None), *box)] += 3.0
    labels[(slice(None), *box)] = 1
    return images, labels


def changed(axes: int, seed: int = 0, spacing: tuple[float, ...] = EVEN, **knobs: float) -> tuple[torch.Tensor, ...]:
    images, labels = batch(axes)
    generator = torch.Generator().manual_seed(seed)
    return augment_patches(images, labels, SIDES[axes], spacing[:axes], STILL.model_copy(update=knobs), generator)


@pytest.mark.parametrize("axes", [2, 3])
def test_with_every_range_at_zero_nothing_changes(axes: int) -> None:
    images, labels = batch(axes)
    moved, marked = changed(axes)
    assert torch.allclose(moved, images, atol=1e-4)
    assert torch.equal(marked, labels.long())
    assert marked.dtype == torch.int64


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize(
    ("knob", "value"),
    [("rotate", 30.0), ("scale", 0.3), ("flip", True), ("brightness", 0.5), ("contrast", 0.5), ("gamma", 0.5),
     ("noise", 0.5)],
)  # fmt: skip
def test_each_knob_changes_the_batch_and_the_seed_decides_how(axes: int, knob: str, value: float) -> None:
    one, same, other = (changed(axes, seed, **{knob: value})[0] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.allclose(one, batch(axes)[0], atol=0.05)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize(("knob", "value"), [("rotate", 25.0), ("scale", 0.2), ("flip", True)])
def test_labels_move_with_their_image(axes: int, knob: str, value: float) -> None:
    for seed in range(5):
        images, labels = changed(axes, seed, **{knob: value})
        bright = images[:, 0] > 1.5
        both = (bright & (labels == 1)).sum()
        assert 2 * both / (bright.sum() + (labels == 1).sum()) > 0.9


def test_grey_levels_leave_labels_alone() -> None:
    _, labels = changed(3, brightness=0.5, contrast=0.5, gamma=0.5, noise=0.5)
    assert torch.equal(labels, batch(3)[1].long())


def test_what_was_cut_larger_comes_back_at_its_own_size_and_scale() -> None:
    images, labels = batch(3, side=16)
    moved, marked = augment_patches(images, labels, (8, 8, 8), EVEN, STILL, torch.Generator().manual_seed(0))
    assert torch.allclose(moved, images[:, :, 4:12, 4:12, 4:12], atol=1e-4)
    assert torch.equal(marked, labels[:, 4:12, 4:12, 4:12].long())


def test_a_turn_is_one_in_millimetres_so_a_ball_stays_a_ball_on_long_voxels() -> None:
    spacing = (1.0, 1.0, 2.0)
    axes = [torch.arange(side, dtype=torch.float32) - (side - 1) / 2 for side in (32, 32, 16)]
    away = sum((axis.view([-1 if i == j else 1 for j in range(3)]) * spacing[i]) ** 2 for i, axis in enumerate(axes))
    ball = (away < 10.0**2).to(torch.uint8).unsqueeze(0)
    turning = STILL.model_copy(update={"rotate": 40.0})
    _, marked = augment_patches(
        ball.float().unsqueeze(1), ball, (32, 32, 16), spacing, turning, torch.Generator().manual_seed(3)
    )
    overlap = 2 * (marked.bool() & ball.bool()).sum() / (marked.sum() + ball.sum())
    assert overlap > 0.93


def test_a_patch_that_turns_is_cut_larger_and_a_single_slice_stays_one() -> None:
    assert reach_of((20, 20, 1), STILL) == (20, 20, 1)
    assert reach_of((20, 20, 1), STILL.model_copy(update={"rotate": 15.0, "scale": 0.1})) == (28, 28, 1)
