"""Write the planted patients into a folder, with the answer key beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from radloop.parallel import mapping
from radloop.sections.intake import Deidentify
from radloop.selftest.invented import Identity, true_days
from radloop.selftest.key import Action, write_key
from radloop.selftest.patients import plant_patient

PLANTED, KEY = "planted", "key.parquet"


def generate(
    folder: Path, patients: int, seed: int, knobs: Deidentify, workers: int, progress: Callable[[int], None]
) -> list[Action]:
    """Files below `folder`/planted and the key in `folder`; equal seeds give equal bytes."""
    actions: list[Action] = []
    with mapping(workers) as spread:
        for found in spread(partial(_write, folder / PLANTED, seed, knobs), range(patients)):
            actions += found
            progress(1)
    write_key(folder / KEY, actions)
    return actions


def needles_of(patients: Iterable[int], seed: int, actions: list[Action]) -> set[str]:
    """Every planted string that must be found nowhere; what lies beyond the profile is not among them."""
    words = {token for patient in patients for token in Identity(seed, patient).tokens()}
    uids = {action.planted for action in actions if action.category in ("uid_changed", "uid_consistent")}
    return words | uids | set(true_days())


def _write(folder: Path, seed: int, knobs: Deidentify, patient: int) -> list[Action]:
    actions: list[Action] = []
    for file, content, asked in plant_patient(seed, patient, knobs):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        actions += asked
    return actions
