"""The course of a training, whatever is taught: epoch after epoch, judged, kept, stopped early, resumed exactly."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from resource import RUSAGE_SELF, getrusage
from typing import Protocol

from radloop.modeling.checkpoint import Checkpoints
from radloop.modeling.journal import Journal, say
from radloop.modeling.session import Best, Session
from radloop.modeling.weights import cpu_copy, take_weights


class Limits(Protocol):
    """When a training ends: after `epochs`, or when `patience` epochs brought nothing better."""

    @property
    def epochs(self) -> int:
        """At most."""

    @property
    def patience(self) -> int:
        """Epochs without a better score on validation before stopping."""


@dataclass(frozen=True)
class Seen:
    """What one epoch was: its mean loss, the `score` by which validation chooses, other figures, images taught."""

    loss: float
    score: float
    measure: str  # the name of the score, as in validation_auroc
    figures: dict[str, float]
    images: int


#: One pass over the training images and one look at validation.
Epoch = Callable[[Session], Seen]


def teach(session: Session, limits: Limits, epoch: Epoch, checkpoints: Checkpoints, journal: Journal) -> None:
    """Go through all epochs and leave the session with the weights that validation liked best.

    An equal training that was killed goes on from its checkpoint, at the thread count it began with, and ends in the
    same bits. Raises ConfigurationError for a full disk.
    """
    if checkpoints.load(session):
        say(f"resuming after epoch {session.epoch} on {session.threads} threads")
    journal.begin(session.history)
    while not finished(session, limits):
        run_epoch(session, limits, epoch)
        checkpoints.keep(session)
        journal.add(session.history[-1])
    take_weights(session.network, session.best.weights)


def finished(session: Session, limits: Limits) -> bool:
    """True after the last epoch, or when `patience` epochs brought no better score on validation."""
    return session.epoch >= limits.epochs or session.epoch - session.best.epoch >= limits.patience


def run_epoch(session: Session, limits: Limits, epoch: Epoch) -> None:
    """One epoch, noted in the session's history; the averaged weights are kept where validation likes them best."""
    began = time.monotonic()
    rate = session.scheduler.get_last_lr()[0]
    seen = epoch(session)
    session.epoch += 1
    if seen.score > session.best.score:
        session.best = Best(session.epoch, seen.score, cpu_copy(session.average.network))
    seconds = time.monotonic() - began
    session.history.append({
        "step": session.step, "epoch": session.epoch, "train_loss": seen.loss, "learning_rate": rate,
        f"validation_{seen.measure.lower()}": seen.score, **seen.figures,
        "seconds": round(seconds, 3), "images_per_second": round(seen.images / seconds, 1),
        "peak_memory_mib": getrusage(RUSAGE_SELF).ru_maxrss // 1024,
    })  # fmt: skip
    say(
        f"epoch {session.epoch}/{limits.epochs}: loss {seen.loss:.4f}, "
        f"validation {seen.measure} {seen.score:.4f}, {seconds:.1f} s"
    )
