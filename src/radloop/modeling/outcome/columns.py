"""Which features a Cox model can use, and on what scale, as learnt from training cases alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from radloop.errors import ConfigurationError, GateClosed
from radloop.intervals import Floats
from radloop.modeling.outcome.knobs import Cox

DEPENDENT = 1e-8  # of a feature's variance left by those before it: what rounding leaves of an exact sum


@dataclass(frozen=True)
class Columns:
    """The features that are used, their `mean` and `scale` [p] in training, and why each other one was `dropped`."""

    names: tuple[str, ...]
    mean: Floats
    scale: Floats
    dropped: dict[str, str]

    def standardised(self, features: pd.DataFrame) -> Floats:
        """The used features in training's standard deviations [n, p].

        Raises ConfigurationError where one is missing or holds what is no number.
        """
        if missing := [name for name in self.names if name not in features]:
            raise ConfigurationError(f"features are missing: {', '.join(missing)}.", "extract with the same settings")
        return np.asarray((_numbers(features[list(self.names)]) - self.mean) / self.scale)


def choose_columns(features: pd.DataFrame, knobs: Cox) -> Columns:
    """Drop what is constant or collinear in these cases [n, p]; the rest is kept in its order.

    Of features that agree the first is kept. Without a penalty, exact sums of others are dropped too, for then no
    single answer exists. Raises ConfigurationError for no numbers or double names, GateClosed where nothing is left.
    """
    if not features.columns.is_unique:
        raise ConfigurationError("two features have one name.", "name each column once")
    values, names = _numbers(features), [str(name) for name in features.columns]
    mean, scale = values.mean(0), values.std(0)
    varied = scale > 1e-12 * np.maximum(np.abs(mean), 1e-300)
    scaled = (values - mean) / np.where(varied, scale, 1)
    dropped: dict[str, str] = {}
    kept: list[int] = []
    basis = np.zeros((len(values), 0))
    for column, name in enumerate(names):
        rest = scaled[:, column] - basis @ (basis.T @ scaled[:, column])
        if not varied[column]:
            dropped[name] = "constant in training"
        elif reason := _agreeing(scaled, column, kept, names, knobs.largest_correlation):
            dropped[name] = reason
        elif knobs.penalty == 0 and (rest @ rest) / len(values) < DEPENDENT:
            dropped[name] = "a sum of features before it"
        else:
            kept.append(column)
            if knobs.penalty == 0:
                basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
    if not kept:
        raise GateClosed("no feature varies in training.", "give features that differ between patients")
    return Columns(tuple(names[k] for k in kept), mean[kept], scale[kept], dropped)


def _agreeing(scaled: Floats, column: int, kept: list[int], names: list[str], limit: float) -> str:
    if not kept:
        return ""
    agreement = scaled[:, kept].T @ scaled[:, column] / len(scaled)
    worst = int(np.argmax(np.abs(agreement)))
    if abs(agreement[worst]) <= limit:
        return ""
    return f"collinear with {names[kept[worst]]} (r {agreement[worst]:.3f})"


def _numbers(features: pd.DataFrame) -> Floats:
    try:
        values = features.to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise ConfigurationError("a feature is no number.", "encode categories first") from error
    bad = [str(name) for name, fine in zip(features.columns, np.isfinite(values).all(0), strict=True) if not fine]
    if bad:
        raise ConfigurationError(f"features hold what is no number: {', '.join(bad)}.", "impute or leave them out")
    return np.asarray(values)
