"""A table of features with one outcome: what harmonising, selecting and classifying work on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from radloop.errors import ConfigurationError

Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """One row per case: `features` [n, p], `labels` bool [n], and the patient of each case, `patients` [n].

    The index of `features` names the cases, as masks that were perturbed are looked up by it.
    """

    name: str
    features: pd.DataFrame
    labels: Labels
    patients: npt.NDArray[Any]

    def __post_init__(self) -> None:
        sizes = {len(self.features), len(self.labels), len(self.patients)}
        if len(sizes) > 1:
            raise ConfigurationError(
                f"{self.name}: {len(self.features)} rows of features, {len(self.labels)} labels and "
                f"{len(self.patients)} patients", "give one of each per case",
            )  # fmt: skip


def read_table(path: Path, patient: str = "ID", target: str = "Target") -> FeatureTable:
    """Read a CSV file with a column of patients, one of the outcome (0 or 1) and features in all others.

    The layout is that of radMLBench. Raises ConfigurationError for a column that is missing or holds words, and for
    an outcome that is not 0 or 1 throughout.
    """
    frame = pd.read_csv(path)
    name = path.name.partition(".csv")[0]
    if missing := [column for column in (patient, target) if column not in frame]:
        raise ConfigurationError(f"{name} has no column {', '.join(missing)}", "name the columns, or mend the table")
    if not frame[target].isin([0, 1]).all():
        raise ConfigurationError(f"{name}: {target} is not 0 or 1 in every row", "leave out the rows without outcome")
    features = frame.drop(columns=[patient, target])
    if words := [column for column in features if not pd.api.types.is_numeric_dtype(features[column])]:
        raise ConfigurationError(
            f"{name}: no numbers in column {words[0]}, 1 of {len(words)}", "leave such columns out"
        )
    return FeatureTable(
        name, features.astype(float), frame[target].to_numpy() == 1, np.asarray(pd.factorize(frame[patient])[0])
    )


def permuted(table: FeatureTable, seed: int) -> FeatureTable:
    """The same table with labels dealt anew: what is found in it afterwards is a leak or chance.

    Patients whose cases all have one label keep that likeness, or the shuffled task would be an easier one.
    """
    random = np.random.default_rng(seed)
    first, codes = np.unique(table.patients, return_index=True, return_inverse=True)[1:]
    each = table.labels[first]
    whole = bool((each[codes] == table.labels).all())
    labels = random.permutation(each)[codes] if whole else random.permutation(table.labels)
    return FeatureTable(table.name, table.features, labels, table.patients)
