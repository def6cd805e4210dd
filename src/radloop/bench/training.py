"""One epoch of radloop's training, and the same epoch as a bare PyTorch loop on the same arrays."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from radloop.bench.setting import Setting
from radloop.modeling.checkpoint import Checkpoints
from radloop.modeling.course import run_epoch
from radloop.modeling.dataset import Labelled, select
from radloop.modeling.fit import epoch, judge, positive_weight, train_epoch
from radloop.modeling.journal import Journal
from radloop.modeling.networks import Network, build
from radloop.modeling.prepared import open_prepared
from radloop.modeling.session import Session, start
from radloop.sections.films import Train

EPOCHS = 1000  # of the learning-rate schedule, so that it never ends within a bench
#: Ranges at which augmentation changes nothing, to compare what both loops compute.
STILL = {"rotate": 0.0, "translate": 0.0, "scale": 0.0, "brightness": 0.0, "contrast": 0.0, "noise": 0.0, "flip": False}


class Loop:
    """What both loops share: the arrays, the network, the optimiser with its schedule, the order of the films."""

    def __init__(self, setting: Setting, use_case: str) -> None:
        self.knobs: Train = setting.case(use_case).train
        images, index = open_prepared(setting.paths.stage(use_case, "prepare"))
        self.training: Labelled = select(images, index, "train")
        self.validation: Labelled = select(images, index, "validation")
        self.spec = Network(self.knobs.network, self.knobs.conv1_stride, images.shape[-1], self.knobs.filters)
        self.session = self.fresh()

    def fresh(self) -> Session:
        """A session at its beginning; equal knobs give equal weights."""
        steps = EPOCHS * self.training.steps(self.knobs.batch_size)
        return start(partial(build, self.spec), self.knobs, steps, torch.device("cpu"), None)


class Ours(Loop):
    """As the stage does it: augmentation, averaging, validation, history, fsynced journal, checkpoint."""

    def __init__(self, setting: Setting, use_case: str) -> None:
        super().__init__(setting, use_case)
        self._place = tempfile.TemporaryDirectory()
        live = Path(self._place.name)
        self._checkpoints, self._journal = Checkpoints(live, "bench"), Journal(live)
        self._journal.begin([])

    def epoch(self) -> None:
        """One epoch and everything that is kept of it."""
        splits = self.training, self.validation
        run_epoch(self.session, self.knobs, partial(epoch, settings=self.knobs, splits=splits))
        self._checkpoints.keep(self.session)
        self._journal.add(self.session.history[-1])

    def plain_losses(self) -> np.ndarray:
        """Mean loss of a first epoch in which augmentation changes nothing."""
        still = self.knobs.model_copy(
            update={"augment": self.knobs.augment.model_copy(update=STILL), "small_epochs": 0}
        )
        return np.array([train_epoch(self.fresh(), still, self.training)])


class Bare(Loop):
    """As anybody would write it: batches, loss, backward, step; and a look at validation."""

    def epoch(self) -> None:
        """One epoch and its validation."""
        self._train(self.session)
        judge(self.session.network, self.validation, self.session.device)

    def losses(self) -> np.ndarray:
        """Mean loss of a first epoch."""
        return np.array([self._train(self.fresh())])

    def _train(self, session: Session) -> float:
        network, weight = session.network.train(), positive_weight(self.training.labels, self.knobs)
        total, steps = 0.0, self.training.steps(self.knobs.batch_size)
        for images, labels in self.training.shuffled(self.knobs.batch_size, session.generator):
            session.optimizer.zero_grad(set_to_none=True)
            logit, _ = network(images.contiguous(memory_format=torch.channels_last))
            loss = functional.binary_cross_entropy_with_logits(logit, labels, pos_weight=weight)
            loss.backward()  # type: ignore[no-untyped-call]
            session.optimizer.step()
            session.scheduler.step()
            total += float(loss.detach())
        return total / steps
