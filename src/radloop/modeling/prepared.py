"""Where the prepared images lie; read without torch, so that predicting starts at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from radloop.errors import ConfigurationError
from radloop.files import sha256_file

IMAGES, INDEX = "images.npy", "index.parquet"


def open_prepared(folder: Path) -> tuple[np.ndarray, pd.DataFrame]:
    """The images, uint8 [n, size, size] memory-mapped, and the index of what `prepare` wrote.

    Raises ConfigurationError where they are missing.
    """
    if not (folder / IMAGES).exists():
        raise ConfigurationError(f"no prepared images in {folder}", "run the prepare stage first")
    return np.load(folder / IMAGES, mmap_mode="r"), pd.read_parquet(folder / INDEX)


def fingerprint(folder: Path) -> str:
    """Hash of all that training reads, so that a checkpoint is never resumed on other data."""
    return ":".join(sha256_file(folder / name) for name in (IMAGES, INDEX))
