from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from radloop.modeling.checkpoint import Checkpoints
from radloop.modeling.fit import Machine
from radloop.modeling.journal import Journal
from radloop.sections.segmentation import Deform, Segment
from radloop.segmentation.fit import Taught, classes_seen, dice, fit_segmenter
from radloop.segmentation.intensity import Intensity
from radloop.segmentation.patches import Cases, spots_of
from radloop.segmentation.plan import Plan

AUGMENT = Deform(rotate=10, scale=0.1, flip=True, brightness=0.1, contrast=0.1, gamma=0.1, noise=0.1)
LESSONS = Segment(
    epochs=5, steps=12, patience=5, learning_rate=0.01, weight_decay=0.0, average_decay=0.7, judged=3, augment=AUGMENT,
    seed=0,
)  # fmt: skip
MACHINE = Machine(torch.device("cpu"), 1)
SCALE = Intensity(each=True, low=0, high=0, mean=0, deviation=0)


def planned(axes: int) -> Plan:
    return Plan(
        network="dynunet", axes=axes, channels=1, classes=3, spacing=(1.0, 1.0, 1.0), patch=(16,) * axes, batch=4,
        filters=(8, 12, 16), strides=((1,) * axes, (2,) * axes, (2,) * axes), kernels=((3,) * axes,) * 3, supervised=0,
        dice=1.0, cross_entropy=1.0, over_batch=False, foreground=0.5, intensity=(SCALE,), parameters=0, memory_mib=0.0,
    )  # fmt: skip


def balls(count: int, seed: int) -> Cases:
    """Volumes with a bright ball (class 1) and a dark one (class 2) on grain."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(*(np.arange(20),) * 3, indexing="ij"), -1)
    images, masks = [], []
    for _ in range(count):
        image, mask = rng.normal(0, 0.3, (20, 20, 20)), np.zeros((20, 20, 20), np.uint8)
        for number, (middle, grey) in enumerate(zip(rng.permutation([6, 14]), (2.0, -2.0), strict=True), start=1):
            inside = np.linalg.norm(places - middle, axis=-1) < 4
            image[inside] += grey
            mask[inside] = number
        images.append(image.astype(np.float16).reshape(-1))
        masks.append(mask)
    flat = np.concatenate([mask.reshape(-1) for mask in masks])
    spots = tuple(spots_of(mask, 0) for mask in masks)
    return Cases(np.concatenate(images), flat, 8000 * np.arange(count), np.full((count, 3), 20), 1, spots)


def taught(place: Path, axes: int = 3, epochs: int = 5) -> Taught:
    lessons = LESSONS.model_copy(update={"epochs": epochs})
    splits = balls(6, 0), balls(3, 1)
    return fit_segmenter(planned(axes), lessons, splits, MACHINE, Checkpoints(place, "key"), Journal(place))


@pytest.mark.parametrize(("axes", "epochs"), [(2, 7), (3, 5)])
def test_a_small_network_learns_to_tell_two_balls_apart(axes: int, epochs: int, tmp_path: Path) -> None:
    found = taught(tmp_path, axes, epochs)
    best = found.history[found.best_epoch - 1]
    assert best["validation_dice"] > 0.8
    assert best["validation_dice_1"] > 0.7 and best["validation_dice_2"] > 0.7
    assert found.history[-1]["step"] == 12 * epochs


def test_a_training_that_was_killed_ends_in_the_same_bits(tmp_path: Path) -> None:
    whole = taught(tmp_path / "whole", epochs=3)
    live = tmp_path / "killed"

    class Killed(Journal):
        def add(self, row: dict[str, object]) -> None:
            super().add(row)
            raise KeyboardInterrupt

    splits, lessons = (balls(6, 0), balls(3, 1)), LESSONS.model_copy(update={"epochs": 3})
    with pytest.raises(KeyboardInterrupt):
        fit_segmenter(planned(3), lessons, splits, MACHINE, Checkpoints(live, "key"), Killed(live))
    resumed = fit_segmenter(planned(3), lessons, splits, MACHINE, Checkpoints(live, "key"), Journal(live))
    assert all(torch.equal(value, resumed.weights[name]) for name, value in whole.weights.items())
    assert [row["train_loss"] for row in whole.history] == [row["train_loss"] for row in resumed.history]


def test_dice_of_nothing_and_nothing_is_no_figure() -> None:
    empty, some = np.zeros(4, bool), np.array([True, True, False, False])
    assert np.isnan(dice(empty, empty))
    assert (dice(some, some), dice(some, empty), dice(some, ~some)) == (1.0, 0.0, 0.0)
    assert classes_seen(np.array([[0.5, np.nan], [np.nan, np.nan]])) == [1]
