"""Patients dealt into folds, and the tables that cannot be dealt."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from radloop.errors import ConfigurationError

Rows = npt.NDArray[np.intp]


def deal(labels: npt.NDArray[np.bool_], patients: npt.NDArray[Any], folds: int, seed: int) -> list[tuple[Rows, Rows]]:
    """Rows to fit on and rows held out, for each fold: patients whole, classes in like shares.

    Raises ConfigurationError for fewer than 2 folds, fewer patients than folds, in all or of one class, and where a
    fold ends with one class only.
    """
    if folds < 2:
        raise ConfigurationError(f"{folds} folds leave nothing to compare", "ask for at least 2")
    count = len(np.unique(patients))
    if count < folds:
        raise ConfigurationError(f"{count} patients are fewer than {folds} folds", "ask for fewer folds")
    for side, name in ((labels, "positive"), (~labels, "negative")):
        if (have := len(np.unique(patients[side]))) < folds:
            raise ConfigurationError(
                f"{have} patients with a {name} case are fewer than {folds} folds: a fold would be of one class only",
                "ask for fewer folds, or add cases",
            )
    dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    dealt = list(dealer.split(np.zeros(len(labels)), labels, patients))
    if any(labels[rows].all() or not labels[rows].any() for pair in dealt for rows in pair):
        raise ConfigurationError(
            f"one of {folds} folds is of one class only, as patients with many cases stay whole", "ask for fewer folds"
        )
    return dealt
