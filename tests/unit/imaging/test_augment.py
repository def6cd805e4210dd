from __future__ import annotations

import pytest
import torch

from radloop.imaging.augment import augment
from radloop.sections.films import Augment

STILL = Augment(rotate=0, translate=0, scale=0, brightness=0, contrast=0, noise=0, flip=False)


def batch(count: int = 6, side: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(20, 230, (count, 1, side, side), generator=generator, dtype=torch.uint8)


def changed(seed: int = 0, size: int = 32, images: torch.Tensor | None = None, **knobs: float) -> torch.Tensor:
    settings = STILL.model_copy(update=knobs)
    return augment(batch() if images is None else images, settings, size, torch.Generator().manual_seed(seed))


def test_with_every_knob_at_zero_nothing_changes() -> None:
    assert torch.allclose(changed(), batch().float(), atol=1e-3)


def test_a_smaller_size_averages_blocks() -> None:
    expected = torch.nn.functional.avg_pool2d(batch().float(), 2)
    assert torch.allclose(changed(size=16), expected, atol=1e-3)


@pytest.mark.parametrize("knob", ["rotate", "translate", "scale", "brightness", "contrast", "noise", "flip"])
def test_each_knob_changes_the_batch_and_the_seed_decides_how(knob: str) -> None:
    value = {"rotate": 10.0, "flip": True}.get(knob, 0.2)
    one, same, other = changed(1, **{knob: value}), changed(1, **{knob: value}), changed(2, **{knob: value})
    assert torch.equal(one, same)
    assert not torch.allclose(one, batch().float(), atol=1.0)
    assert not torch.equal(one, other)


def test_each_image_of_a_batch_is_changed_in_its_own_way() -> None:
    images = batch(1).expand(5, -1, -1, -1)
    moved = changed(images=images, brightness=0.2)
    assert len({round(float(image.mean()), 3) for image in moved}) == 5


def test_a_mirror_turns_left_to_right_and_nothing_upside_down() -> None:
    mirrored = changed(flip=True)
    flips = [torch.allclose(a, b.flip(-1).float(), atol=1e-2) for a, b in zip(mirrored, batch(), strict=True)]
    stays = [torch.allclose(a, b.float(), atol=1e-2) for a, b in zip(mirrored, batch(), strict=True)]
    assert any(flips) and any(stays) and all(a or b for a, b in zip(flips, stays, strict=True))


def test_grey_levels_stay_between_black_and_white() -> None:
    wild = changed(brightness=0.9, contrast=0.9, noise=0.5)
    assert wild.min() >= 0.0 and wild.max() <= 255.0
