"""The moving parts of one training: what a checkpoint must hold so that nothing is lost with the process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from radloop.modeling.averaging import Average
from radloop.modeling.determinism import random_states, restore_random_states, seed_everything
from radloop.modeling.weights import cpu_copy, take_weights, weights_of


class Optimisation(Protocol):
    """What every training is told of how to descend, whatever its network answers."""

    @property
    def seed(self) -> int:
        """Of weights, order and augmentation."""

    @property
    def learning_rate(self) -> float:
        """The peak of the one-cycle schedule."""

    @property
    def weight_decay(self) -> float:
        """AdamW's, decoupled."""

    @property
    def average_decay(self) -> float:
        """Per step, of the running average of weights that is judged and kept."""


@dataclass
class Best:
    """The epoch that validation liked best, with its weights."""

    epoch: int = 0
    score: float = -1.0
    weights: dict[str, torch.Tensor] = field(default_factory=dict)


@dataclass
class Session:
    """A training in progress: `epoch` and `step` count what is done, `history` holds one row per epoch."""

    network: nn.Module
    average: Average
    optimizer: torch.optim.AdamW
    scheduler: OneCycleLR
    generator: torch.Generator
    device: torch.device
    threads: int
    epoch: int = 0
    step: int = 0
    best: Best = field(default_factory=Best)
    history: list[dict[str, Any]] = field(default_factory=list)

    def descend(self, loss: torch.Tensor) -> None:
        """One step of the optimiser, its schedule and the average."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.scheduler.step()
        self.average.update()
        self.step += 1

    def tensors(self) -> dict[str, torch.Tensor]:
        """Every tensor of the state under a flat name."""
        groups = {
            "network": weights_of(self.network),
            "average": weights_of(self.average.network),
            "best": self.best.weights,
            "random": random_states(self.generator)[0],
        }
        for index, state in self.optimizer.state_dict()["state"].items():
            groups[f"optimizer.{index}"] = state
        # an equal epoch's weights are in `average` already, and a checkpoint is most of what a training writes
        if self.best.epoch == self.epoch:
            groups.pop("best")
        return {f"{group}|{key}": value for group, values in groups.items() for key, value in values.items()}

    def notes(self) -> dict[str, Any]:
        """Everything of the state that is no tensor, as JSON values."""
        return {
            "epoch": self.epoch, "step": self.step, "threads": self.threads, "history": self.history,
            "best": [self.best.epoch, self.best.score], "average_steps": self.average.steps,
            "param_groups": self.optimizer.state_dict()["param_groups"],
            "scheduler": self.scheduler.state_dict(), "random": random_states(self.generator)[1],
        }  # fmt: skip

    def restore(self, tensors: dict[str, torch.Tensor], notes: dict[str, Any]) -> None:
        """Take over the state that `tensors` and `notes` describe."""
        groups: dict[str, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            group, key = name.split("|", 1)
            groups.setdefault(group, {})[key] = tensor
        self.epoch, self.step, self.history = notes["epoch"], notes["step"], notes["history"]
        take_weights(self.network, groups["network"])
        take_weights(self.average.network, groups["average"])
        self.average.steps = notes["average_steps"]
        epoch, score = notes["best"]
        self.best = Best(epoch, score, groups.get("best") or cpu_copy(self.average.network))
        self._restore_optimizer(groups, notes["param_groups"])
        self.scheduler.load_state_dict(notes["scheduler"])
        self.threads = notes["threads"]
        torch.set_num_threads(self.threads)
        restore_random_states(self.generator, groups["random"], notes["random"])

    def _restore_optimizer(
        self, groups: dict[str, dict[str, torch.Tensor]], param_groups: list[dict[str, Any]]
    ) -> None:
        states = {}
        for index, parameter in enumerate(self.network.parameters()):
            if state := groups.get(f"optimizer.{index}"):
                # the moments must lie in memory as their weights do, or the fused kernel reads them crosswise
                states[index] = {
                    key: value if key == "step" else torch.empty_like(parameter).copy_(value)
                    for key, value in state.items()
                }
        self.optimizer.load_state_dict({"state": states, "param_groups": param_groups})


def start(
    build: Callable[[], nn.Module], settings: Optimisation, steps: int, device: torch.device, threads: int | None
) -> Session:
    """A fresh training of `steps` optimiser steps: weights as `build` draws them, fused AdamW, one-cycle learning rate.

    Sources: Loshchilov & Hutter, ICLR 2019 (AdamW); Smith & Topin, 2019 (one cycle).
    """
    generator = seed_everything(settings.seed, threads, device)
    network = build().to(device)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    scheduler = OneCycleLR(optimizer, settings.learning_rate, total_steps=steps, cycle_momentum=False)
    average = Average(network, settings.average_decay)
    return Session(network, average, optimizer, scheduler, generator, device, torch.get_num_threads())
