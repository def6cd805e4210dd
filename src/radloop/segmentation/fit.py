"""Training of a segmenter: epochs of augmented patches, judged on whole volumes of validation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from radloop.modeling.checkpoint import Checkpoints
from radloop.modeling.course import Seen, teach
from radloop.modeling.fit import Machine
from radloop.modeling.journal import Journal, watched
from radloop.modeling.session import Session, start
from radloop.sections.segmentation import Segment
from radloop.segmentation.augment import augment_patches, reach_of
from radloop.segmentation.engines import SegmentationEngine, TorchSegmenter
from radloop.segmentation.inference import predict_volume
from radloop.segmentation.networks import build_segmenter
from radloop.segmentation.patches import Cases
from radloop.segmentation.plan import Plan


@dataclass(frozen=True)
class Taught:
    """A finished training: the best weights and how it went."""

    weights: dict[str, torch.Tensor]
    best_epoch: int
    history: list[dict[str, Any]]
    threads: int


def fit_segmenter(
    made: Plan, settings: Segment, splits: tuple[Cases, Cases], machine: Machine,
    checkpoints: Checkpoints, journal: Journal,
) -> Taught:  # fmt: skip
    """Teach on the first of `splits` and choose the epoch on the second, by mean Dice over classes and cases.

    Raises ConfigurationError for an unknown network or a full disk.
    """
    steps, build = settings.epochs * settings.steps, partial(build_segmenter, made.segmenter)
    session = start(build, settings, steps, machine.device, machine.threads)
    one = partial(epoch, made=made, settings=settings, splits=splits)
    teach(session, settings, one, checkpoints, journal)
    return Taught(session.best.weights, session.best.epoch, session.history, session.threads)


def epoch(session: Session, made: Plan, settings: Segment, splits: tuple[Cases, Cases]) -> Seen:
    """So many steps of patches, and one look at the first cases of validation with the averaged weights."""
    training, validation = splits
    loss = train_epoch(session, made, settings, training)
    engine = TorchSegmenter(session.average.network)
    judged = range(min(len(validation), settings.judged))
    dice = np.array([case_dice(engine, validation, case, made) for case in judged])
    figures = {f"validation_dice_{number}": float(np.nanmean(dice[:, number - 1])) for number in classes_seen(dice)}
    return Seen(loss, float(np.nanmean(dice)), "Dice", figures, settings.steps * made.batch)


def train_epoch(session: Session, made: Plan, settings: Segment, training: Cases) -> float:
    """`steps` batches of patches drawn from the training cases; returns the mean loss."""
    flat = len(made.patch) == 2
    reach = reach_of((*made.patch, 1) if flat else made.patch, settings.augment)
    total = torch.zeros((), device=session.device)
    session.network.train()
    for _ in watched(range(settings.steps), settings.steps, f"epoch {session.epoch + 1}"):
        images, labels = training.batch(made.batch, reach, made.foreground, session.generator)
        if flat:
            images, labels = images.squeeze(-1), labels.squeeze(-1)
        images, labels = images.to(session.device), labels.to(session.device)
        spacing = made.spacing[: len(made.patch)]
        inputs, truth = augment_patches(images, labels, made.patch, spacing, settings.augment, session.generator)
        found = made.loss(session.network(inputs), truth)
        session.descend(found)
        total += found.detach()
    return float(total) / settings.steps


def case_dice(engine: SegmentationEngine, cases: Cases, case: int, made: Plan) -> np.ndarray:
    """Dice of each class of one case, float64 [classes - 1], NaN where neither truth nor answer shows it."""
    answer = predict_volume(engine, cases.image(case).astype(np.float32), made.window()).argmax(axis=0)
    truth = cases.mask(case)
    return np.array([dice(answer == number, truth == number) for number in range(1, made.classes)])


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Twice the overlap over both sizes; NaN where both are empty."""
    sizes = int(one.sum()) + int(other.sum())
    return 2.0 * float((one & other).sum()) / sizes if sizes else float("nan")


def classes_seen(found: np.ndarray) -> list[int]:
    """Numbers of the classes that at least one case shows."""
    return [number + 1 for number in range(found.shape[1]) if not np.isnan(found[:, number]).all()]
