"""Training of a classifier: epochs of augmented batches, judged on validation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn
from torch.nn import functional

from radloop.imaging.augment import augment
from radloop.modeling.checkpoint import Checkpoints
from radloop.modeling.course import Seen, teach
from radloop.modeling.dataset import Labelled
from radloop.modeling.journal import Journal, watched
from radloop.modeling.networks import Network, build
from radloop.modeling.session import Session, start
from radloop.sections.films import Train

#: Images per forward pass outside training; fixed, because rounding depends on it.
JUDGED_AT_ONCE = 64


@dataclass(frozen=True)
class Machine:
    """What differs per machine: where to compute, on how many threads (None: torch's choice)."""

    device: torch.device
    threads: int | None = None


@dataclass(frozen=True)
class Fitted:
    """A finished training: the best weights, what validation looked like with them, how it went."""

    weights: dict[str, torch.Tensor]
    best_epoch: int
    history: list[dict[str, Any]]
    threads: int
    logit: np.ndarray  # float32 [validation]
    embedding: np.ndarray  # float32 [validation, d]


def fit(
    spec: Network, settings: Train, splits: tuple[Labelled, Labelled], machine: Machine,
    checkpoints: Checkpoints, journal: Journal,
) -> Fitted:  # fmt: skip
    """Train on the first of `splits` and choose the epoch on the second.

    An equal training that was killed goes on from its checkpoint, at the thread count it began with, and ends in the
    same bits. Raises ConfigurationError for an unknown network or a full disk.
    """
    training, validation = splits
    steps = settings.epochs * training.steps(settings.batch_size)
    session = start(partial(build, spec), settings, steps, machine.device, machine.threads)
    teach(session, settings, partial(epoch, settings=settings, splits=splits), checkpoints, journal)
    logit, embedding = judge(session.network, validation, session.device)
    return Fitted(session.best.weights, session.best.epoch, session.history, session.threads, logit, embedding)


def epoch(session: Session, settings: Train, splits: tuple[Labelled, Labelled]) -> Seen:
    """One pass over the training images and one look at validation."""
    training, validation = splits
    loss = train_epoch(session, settings, training)
    logit, _ = judge(session.average.network, validation, session.device)
    figures = {"validation_loss": cross_entropy(validation.labels, logit)}
    return Seen(loss, auroc(validation.labels, logit), "AUROC", figures, len(training))


def train_epoch(session: Session, settings: Train, training: Labelled) -> float:
    """One pass over the training images; returns the mean loss."""
    size = small_or_full(session.epoch, settings, training.images.shape[-1])
    weight = positive_weight(training.labels, settings).to(session.device)
    batches = training.shuffled(settings.batch_size, session.generator)
    total = torch.zeros((), device=session.device)
    session.network.train()
    steps = training.steps(settings.batch_size)
    for images, labels in watched(batches, steps, f"epoch {session.epoch + 1}"):
        inputs = augment(images.to(session.device), settings.augment, size, session.generator)
        logit, _ = session.network(inputs)
        loss = functional.binary_cross_entropy_with_logits(logit, labels.to(session.device), pos_weight=weight)
        session.descend(loss)
        total += loss.detach()
    return float(total) / steps


def small_or_full(epoch: int, settings: Train, size: int) -> int:
    """Side of the images of an epoch: early ones are small, for they teach the same coarse things in less time."""
    return settings.small_size if epoch < settings.small_epochs else size


def positive_weight(labels: np.ndarray, settings: Train) -> torch.Tensor:
    """Weight of a positive in the loss: negatives per positive, so that a rare finding counts as much as its lack."""
    positives = float(labels.sum())
    return torch.tensor((len(labels) - positives) / positives if settings.class_weighting else 1.0)


@torch.inference_mode()
def judge(network: nn.Module, split: Labelled, device: torch.device) -> tuple[np.ndarray, np.ndarray]:
    """Logits [n] and embeddings [n, d] of a split, in the order of its rows, unchanged by augmentation."""
    network.eval()
    outputs = [network(images.to(device)) for images, _ in split.batches(JUDGED_AT_ONCE)]
    logit, embedding = (torch.cat(parts).cpu().numpy() for parts in zip(*outputs, strict=True))
    return logit, embedding


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve as the Mann-Whitney statistic, ties counted half."""
    positive = labels.astype(bool)
    ranks = rankdata(scores)
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(labels) - n)))


def cross_entropy(labels: np.ndarray, logit: np.ndarray) -> float:
    """Mean binary cross-entropy of logits."""
    return float(np.mean(np.logaddexp(0.0, logit.astype(np.float64)) - labels * logit))
