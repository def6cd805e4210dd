from __future__ import annotations

import numpy as np
import pytest
import torch

from radloop.segmentation.patches import SPOTS, Cases, place, spots_of

SHAPES = [(12, 10, 8), (5, 6, 4)]


def cases(channels: int = 2) -> Cases:
    """Two cases whose voxels tell where they lie; the first shows classes 1 and 2, the second none."""
    images, masks = [], []
    for shape in SHAPES:
        places = np.arange(np.prod(shape)).reshape(shape)
        images.append(np.stack([places + 1 + 1000 * channel for channel in range(channels)]))
        masks.append(np.zeros(shape, np.uint8))
    masks[0][2:4, 2:4, 2:4] = 1
    masks[0][9, 9, 7] = 2
    sizes = [mask.size for mask in masks]
    return Cases(
        np.concatenate([image.reshape(-1) for image in images]).astype(np.float16),
        np.concatenate([mask.reshape(-1) for mask in masks]),
        np.cumsum([0, *sizes[:-1]]),
        np.array(SHAPES),
        channels,
        tuple(spots_of(mask, 0) for mask in masks),
    )


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_case_comes_back_with_its_shape_and_channels() -> None:
    assert [cases().image(case).shape for case in (0, 1)] == [(2, 12, 10, 8), (2, 5, 6, 4)]
    assert cases().image(1)[1, 0, 0, 0] == 1001
    assert [int(cases().mask(case).sum()) for case in (0, 1)] == [8 + 2, 0]


def test_voxels_and_labels_of_a_patch_are_of_the_same_places() -> None:
    images, labels = cases(1).batch(64, (4, 4, 4), 0.5, seeded())
    place_of = {(int(value) - 1): int(label) for value, label in zip(images.flatten(), labels.flatten(), strict=True)}
    known = cases(1).mask(0).reshape(-1)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.uint8
    small = set(range(int(np.prod(SHAPES[1]))))  # of these numbers there are two voxels, one in each case
    assert all(known[spot] == label for spot, label in place_of.items() if spot >= 0 and spot not in small)


def test_a_patch_around_a_label_shows_it_and_rare_classes_come_as_often() -> None:
    one = cases(1)
    images, labels = one.batch(200, (3, 3, 3), 1.0, seeded())
    of_the_first = images.amax(dim=(1, 2, 3, 4)) > np.prod(SHAPES[1])
    shown = [[bool((row == number).any()) for number in (1, 2)] for row in labels[of_the_first]]
    assert all(first or second for first, second in shown)
    rare = sum(second for _, second in shown) / len(shown)
    assert 0.35 < rare < 0.65


def test_without_foreground_patches_are_drawn_from_everywhere() -> None:
    _, labels = cases(1).batch(300, (3, 3, 3), 0.0, seeded())
    empty = sum(not row.any() for row in labels) / 300
    assert empty > 0.5


def test_a_volume_smaller_than_the_patch_lies_in_its_middle_between_zeros() -> None:
    small = cases(1)
    assert place(np.array([3, 0, 0]), np.array([5, 6, 4]), (9, 6, 5)).tolist() == [-2, 0, -1]
    images, labels = small.batch(30, (14, 12, 10), 0.0, seeded())
    inside = (images != 0).sum(dim=(1, 2, 3, 4))
    assert set(inside.tolist()) == {int(np.prod(shape)) for shape in SHAPES}
    assert images[:, :, 0].abs().sum() == 0
    assert labels.shape == (30, 14, 12, 10)


@pytest.mark.parametrize("start", [-5, 0, 3, 50])
def test_a_patch_never_leaves_a_larger_volume(start: int) -> None:
    found = place(np.array([start]), np.array([20]), (8,))
    assert 0 <= found[0] <= 12


def test_equal_generators_draw_equal_patches() -> None:
    one, other = (cases().batch(8, (4, 4, 4), 0.5, seeded(5))[0] for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.equal(one, cases().batch(8, (4, 4, 4), 0.5, seeded(6))[0])


def test_spots_are_drawn_from_all_of_a_large_class() -> None:
    mask = np.zeros((40, 40, 40), np.uint8)
    mask[5:35, 5:35, 5:35] = 3
    (spots,) = spots_of(mask, 0)
    assert len(spots) == SPOTS
    assert (mask.reshape(-1)[spots] == 3).all()
    slices = np.unravel_index(spots, mask.shape)[0]
    assert slices.min() == 5 and slices.max() == 34
    assert spots_of(np.zeros((3, 3, 3), np.uint8), 0) == ()
