"""How much memory a training step takes, told before it is tried: the network is run on shapes without numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.autograd.graph import saved_tensors_hooks

from radloop.segmentation.losses import Loss
from radloop.segmentation.networks import Segmenter, build_segmenter, parameters

MIB = 2**20
FLOAT = 4  # bytes
#: Copies of every weight: itself, its gradient, AdamW's two moments, the running average.
COPIES = 5
#: Tensors of the widest one's size that live beside the kept ones: gradients, and copies in the processor's layout.
WORKING = 5.0
#: MiB of Python with torch and MONAI, and of what the allocator holds back in pieces; both measured on a CPU.
LIBRARIES, HELD_BACK = 500.0, 250.0


@dataclass(frozen=True)
class Footprint:
    """What training needs, in MiB: `weights` in all copies; per case what is `kept` for the way back, and its `widest`.

    `parameters` is a count.
    """

    parameters: int
    weights: float
    kept: float
    widest: float

    @property
    def fixed(self) -> float:
        """What a process takes whatever its batch, in MiB."""
        return LIBRARIES + HELD_BACK + self.weights

    @property
    def per_case(self) -> float:
        """What each case of a batch adds, in MiB."""
        return self.kept + WORKING * self.widest

    def mib(self, batch: int) -> float:
        """Peak resident memory of a process that trains on `batch` cases, without its data, in MiB.

        Where it was measured (four networks, films and volumes) it was from 35 % too high to 10 % too low.
        """
        return self.fixed + batch * self.per_case


def footprint(spec: Segmenter, patch: tuple[int, ...]) -> Footprint:
    """The footprint of training `spec` on patches of these sides (voxels).

    Nothing of that size is allocated: tensors on torch's `meta` device have shapes alone, and autograd says of each
    operation what it keeps, so that every network tells its own and no formula of its kind is needed.
    Raises ConfigurationError as `build_segmenter` does.
    """
    with torch.device("meta"):
        network = build_segmenter(spec).train()
        images = torch.zeros(1, spec.channels, *patch)
        labels = torch.zeros(1, *patch, dtype=torch.int64)
    kept: dict[int, torch.UntypedStorage] = {}  # held, so that no other storage gets the name of one that is gone
    own = {weight.untyped_storage()._cdata for weight in network.parameters()}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        Loss()(network(images), labels)
    sizes, count = [storage.nbytes() / MIB for storage in kept.values()], parameters(network)
    return Footprint(count, COPIES * FLOAT * count / MIB, sum(sizes), max(sizes))
