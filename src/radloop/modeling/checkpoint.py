"""Checkpoints that are whole or absent, hold every state of a training, and are plain tensors and JSON."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from radloop.errors import ConfigurationError
from radloop.files import canonical_json, sha256, sync_folder
from radloop.modeling.session import Session

CHECKPOINT = "checkpoint.safetensors"
#: Largest share of a training's time that goes into writing checkpoints.
WRITING_SHARE = 0.01


def key_of(*parts: object) -> str:
    """Name of the only training that a checkpoint may continue: a hash of parameters, data and code."""
    return sha256(canonical_json(list(parts)).encode())[:16]


def code_hash(*sources: Path) -> str:
    """Hash of Python files and of all Python files in folders, by their content and name."""
    files = sorted(file for source in sources for file in ([source] if source.is_file() else source.rglob("*.py")))
    return sha256("".join(f"{file.name}:{sha256(file.read_bytes())};" for file in files).encode())


class Checkpoints:
    """The checkpoint of one training, in `live/<key>/`.

    The first epoch is kept at once and later ones as often as writing takes at most 1 % of the time.
    """

    def __init__(self, live: Path, key: str) -> None:
        self.live = live
        self.path = live / key / CHECKPOINT
        self._due = 0.0

    def keep(self, session: Session) -> None:
        """Write the session if it is time; a reader sees the last whole checkpoint or this one."""
        started = time.monotonic()
        if started >= self._due:
            self.save(session)
            finished = time.monotonic()
            self._due = finished + (finished - started) / WRITING_SHARE

    def save(self, session: Session) -> None:
        """Write the session now.

        Raises ConfigurationError where the disk does not take it.
        """
        tensors = {name: value.detach().cpu().contiguous() for name, value in session.tensors().items()}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._write(tensors, json.dumps(session.notes()))
        except (OSError, SafetensorError) as error:
            raise ConfigurationError(
                f"cannot write a checkpoint in {self.path.parent}: {error}", "free space, or make the folder writable"
            ) from error

    def _write(self, tensors: dict[str, torch.Tensor], notes: str) -> None:
        temporary = self.path.with_name(f".{CHECKPOINT}.{os.getpid()}")
        try:
            save_file(tensors, temporary, metadata={"notes": notes})
            _synchronise(temporary)
            temporary.replace(self.path)
            sync_folder(self.path.parent)
        finally:
            temporary.unlink(missing_ok=True)

    def load(self, session: Session) -> bool:
        """Continue where the checkpoint of this key stands; False where there is none."""
        if not self.path.exists():
            return False
        with safe_open(self.path, framework="pt") as stored:
            tensors: dict[str, torch.Tensor] = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            notes = json.loads(stored.metadata()["notes"])
        session.restore(tensors, notes)
        return True

    def clear(self) -> None:
        """Remove the checkpoints of this use case, after success: this training's and stale ones."""
        for folder in self.live.iterdir() if self.live.exists() else ():
            if (folder / CHECKPOINT).exists() or folder == self.path.parent:
                shutil.rmtree(folder)


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
