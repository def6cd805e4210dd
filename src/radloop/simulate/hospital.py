"""The story of the SIMULATED hospital: plan the studies, form the pictures, write the files."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from radloop.errors import ConfigurationError
from radloop.files import replacing
from radloop.simulate.findings import Mask
from radloop.simulate.knobs import Hospital
from radloop.simulate.population import Study, study
from radloop.simulate.truth import truth_row, write_truth

__all__ = ["Hospital", "Truth", "simulate", "simulate_study"]
CHUNK = 8


@dataclass(frozen=True)
class Truth:
    """What is known of a simulated set: its folder and its table, one row per study."""

    folder: Path
    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)


def simulate_study(hospital: Hospital, index: int) -> tuple[NDArray[np.uint16], dict[str, Mask], Study]:
    """Simulate one study in memory: pixels (n, n) uint16 as stored, masks per finding, and the plan."""
    from radloop.simulate.radiograph import radiograph  # numba is slow to import

    planned = study(hospital, index)
    film = radiograph(hospital, planned)
    return film.pixels, film.masks, planned


def simulate(
    hospital: Hospital,
    n_studies: int,
    folder: Path,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Truth:
    """Simulate studies 0 to `n_studies` - 1 into `folder`: DICOM files, `labels.csv`, `truth.parquet`.

    The bytes depend on the knobs alone, not on `workers` (processes; default one per core, 1 means
    none). `progress` is told after each study that 1 more is done. The folder appears when all is
    written. Raises ConfigurationError where `n_studies` is below 1 or the folder is not empty.
    """
    if n_studies < 1:
        raise ConfigurationError(f"{n_studies} studies were asked for.", "ask for 1 or more")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"the folder {folder} is not empty.", "choose a new or an empty folder")
    rows = []
    with replacing(folder) as partial_folder:
        write = partial(_write_study, hospital, partial_folder)
        for row in _spread(write, n_studies, workers or os.cpu_count() or 1):
            rows.append(row)
            if progress:
                progress(1)
        table = write_truth(rows, partial_folder)
    return Truth(folder, table)


def _spread(write: Callable[[int], dict[str, Any]], n_studies: int, workers: int) -> Iterator[dict[str, Any]]:
    """Run `write` for every index, in order, in fresh processes where that pays."""
    if workers == 1 or n_studies < 2 * CHUNK:
        yield from map(write, range(n_studies))
        return
    # spawned and not forked: the caller may hold threads, which a fork would freeze
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(write, range(n_studies), chunksize=CHUNK)


def _write_study(hospital: Hospital, folder: Path, index: int) -> dict[str, Any]:
    from radloop.simulate.dicom_out import dicom_bytes
    from radloop.simulate.radiograph import radiograph

    planned = study(hospital, index)
    film = radiograph(hospital, planned)
    name = f"{index:06d}.dcm"
    (folder / name).write_bytes(dicom_bytes(hospital, planned, film))
    return truth_row(hospital, planned, film.masks, name)
