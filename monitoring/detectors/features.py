"""Both tables as one matrix of features per image, pooled before anything is scaled.

Every transformation here looks at the pooled rows and never at which side a row came from. That is what makes
a permutation of patients between the sides an exact test of "nothing changed", at any sample size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import rankdata

from monitoring.columns import MISSING, OTHER, WATCHED, Watched

#: Pooled images a category value needs to be tested by its own name; rarer ones are tested together.
SMALLEST_LEVEL = 10
#: Category values tested by name per column, the most frequent first.
LARGEST_LEVELS = 20
#: Labelled images that each side needs before prevalence is tested.
SMALLEST_LABELLED = 20


@dataclass(frozen=True)
class Feature:
    """What one column of the matrix means; `span` is the block of columns of a test on many at once."""

    column: Watched | None
    kind: str  # level, missing, location, spread, distance or mean_shift
    value: str | None = None
    span: tuple[int, int] | None = None


@dataclass(frozen=True)
class Matrix:
    """Features of pooled images: `values` float64 [n, p], the reference's rows first."""

    features: tuple[Feature, ...]
    values: np.ndarray
    patient: np.ndarray  # int [n]
    reference_rows: int


def build(reference: pd.DataFrame, window: pd.DataFrame, embeddings: np.ndarray) -> Matrix:
    """Features of two tidy tables (`columns.tidy`) and of their stacked embeddings [n, d] (d may be 0)."""
    pooled = pd.concat([reference, window], ignore_index=True)
    rows = len(reference)
    columns: list[tuple[Feature, np.ndarray]] = []
    for watched in WATCHED:
        if watched.name != "label" or _labelled(pooled["label"], rows):
            columns += _number(watched, pooled) if watched.numeric else _category(watched, pooled)
    columns += _embedding(embeddings)
    values = np.column_stack([v for _, v in columns]) if columns else np.zeros((len(pooled), 0))
    first = int(reference["patient"].max()) + 1 if rows else 0
    patient = np.concatenate([reference["patient"], window["patient"] + first])
    features = [feature for feature, _ in columns]
    start = next((i for i, f in enumerate(features) if f.kind == "component"), len(features))
    if start < len(features):
        features.append(Feature(None, "mean_shift", span=(start, len(features))))
    return Matrix(tuple(features), values, patient, rows)


def few_patients(frame: pd.DataFrame, patients: int, seed: int) -> np.ndarray:
    """Positions of all rows of at most `patients` random patients, so that tests on long logs stay quick."""
    codes = frame["patient"].to_numpy()
    known = np.unique(codes)
    if len(known) <= patients:
        return np.arange(len(frame))
    chosen = np.random.default_rng(seed).choice(known, patients, replace=False)
    return np.flatnonzero(np.isin(codes, chosen))


def _labelled(labels: pd.Series, rows: int) -> bool:
    known = labels.notna().to_numpy()
    return min(int(known[:rows].sum()), int(known[rows:].sum())) >= SMALLEST_LABELLED


def _category(watched: Watched, pooled: pd.DataFrame) -> list[tuple[Feature, np.ndarray]]:
    values = pooled[watched.name]
    known = values.notna().to_numpy()
    counts = values[known].value_counts()
    named = [str(v) for v in counts[counts >= SMALLEST_LEVEL].index[:LARGEST_LEVELS]]
    if watched.name in ("decision", "label"):
        named = [v for v in named if v == "yes"]
    array = values.to_numpy(dtype=object)
    out = [(Feature(watched, "level", value), _centred(array == value, known)) for value in named]
    if watched.name not in ("decision", "label"):
        rest = known & ~np.isin(array.astype(str), named)
        out.append((Feature(watched, "level", OTHER), _centred(rest, known)))
        out.append(_missing(watched, known))
    return [(feature, vector) for feature, vector in out if vector.any()]


def _number(watched: Watched, pooled: pd.DataFrame) -> list[tuple[Feature, np.ndarray]]:
    values = pooled[watched.name].to_numpy(dtype=float)
    known = np.isfinite(values)
    scores = normal_scores(values)
    out = [
        (Feature(watched, "location"), scores),
        (Feature(watched, "spread"), _centred(scores**2, known)),
    ]
    if watched.stream != "image":  # radloop measures every film, so a gap tells of an older version, not of the films
        out.append(_missing(watched, known))
    return [(feature, vector) for feature, vector in out if vector.any()]


def _missing(watched: Watched, known: np.ndarray) -> tuple[Feature, np.ndarray]:
    return Feature(watched, "missing", MISSING), _centred(~known, np.ones_like(known))


def _centred(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values about the mean of the known ones, 0 where unknown, so that what is missing pulls nowhere."""
    numbers = values.astype(float)
    mean = numbers[known].mean() if known.any() else 0.0
    centred: np.ndarray = np.where(known, numbers - mean, 0.0)
    return np.where(np.abs(centred) < 1e-12, 0.0, centred)


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Van der Waerden scores of the finite values, 0 elsewhere: outliers cannot carry or hide a shift."""
    known = np.isfinite(values)
    out = np.zeros(len(values))
    if known.sum() > 1 and np.ptp(values[known]) > 0:
        scores = ndtri(rankdata(values[known]) / (known.sum() + 1))
        out[known] = (scores - scores.mean()) / max(float(scores.std()), 1e-12)
    return out


def _embedding(embeddings: np.ndarray) -> list[tuple[Feature, np.ndarray]]:
    """Distance from the pooled centre, and the whitened components whose means are compared together."""
    if embeddings.shape[1] == 0 or len(embeddings) < 3:
        return []
    white = whiten(embeddings)
    distance = normal_scores(np.sqrt((white**2).sum(axis=1)))
    out = [(Feature(None, "distance"), distance)] if distance.any() else []
    return out + [(Feature(None, "component"), column) for column in white.T]


def whiten(values: np.ndarray) -> np.ndarray:
    """Decorrelate to unit variance about the mean, dropping directions that hold nothing. Returns [n, k]."""
    centred = values - values.mean(axis=0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    keep = size > 1e-6 * max(float(size[0]), 1e-300)
    return np.asarray(left[:, keep] * np.sqrt(len(values)))
