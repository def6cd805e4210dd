"""The same figures per group of patients and per scanner.

Evaluation uses it on held-out cases and monitoring on windows of production, so it knows nothing of either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from radloop.evaluation.names import ATTRIBUTES, OTHER, SUBGROUP_MEASURES, UNKNOWN
from radloop.intervals import Interval, auroc_interval, proportion_interval
from radloop.params import Classification, Intervals

Mask = npt.NDArray[np.bool_]

SUBGROUP_COLUMNS = (
    "attribute",
    "group",
    "rows",
    "n",
    "positives",
    "patients",
    *(f"{measure}{part}" for measure in SUBGROUP_MEASURES for part in ("", "_low", "_high", "_note")),
)


@dataclass(frozen=True)
class Group:
    """The rows `inside` a group, and those `among` which it is one: all that the attribute is about."""

    attribute: str
    name: str
    inside: Mask
    among: Mask


def subgroups(frame: pd.DataFrame, case: Classification) -> pd.DataFrame:
    """AUROC, sensitivity and specificity of every group, with intervals or "too few".

    `frame` has `label` (bool or missing), `score`, `decision`, `patient_id` and any of sex, age, view, site,
    manufacturer, acquisition_group. Returns one row per attribute and group with SUBGROUP_COLUMNS: `rows` counts
    all cases of the group, `n` the labelled ones that its figures rest on.
    """
    known = frame["label"].notna().to_numpy()
    patients = pd.factorize(frame["patient_id"])[0]
    rows = [
        {
            "attribute": group.attribute,
            "group": group.name,
            "rows": int(group.inside.sum()),
            **_figures(frame, patients, group.inside & known, case.evaluate),
        }
        for group in groups(frame, case.evaluate)
    ]
    return pd.DataFrame(rows, columns=list(SUBGROUP_COLUMNS))


def groups(frame: pd.DataFrame, section: Intervals) -> Iterator[Group]:
    """Every group of every attribute that `frame` has, the unknown ones last."""
    for attribute in ATTRIBUTES:
        values = group_names(frame, attribute, section)
        if values is None:
            continue
        among = values.notna().to_numpy()
        for name in _ordered(values[among], attribute):
            yield Group(attribute, name, (values == name).to_numpy(), among)


def group_names(frame: pd.DataFrame, attribute: str, section: Intervals) -> pd.Series[str] | None:
    """The group of each row, "unknown" where it is missing; None where the frame does not know the attribute.

    Acquisition groups stand in for the scanner and so are named only where no manufacturer is; those with fewer
    than `smallest_group` rows are one group, "other", for a format seen twice names a patient rather than a scanner.
    """
    if attribute == "age_band":
        return age_bands(frame["age"], section.age_bands) if "age" in frame else None
    if attribute not in frame:
        return None
    values: pd.Series[str] = frame[attribute].astype(object).where(frame[attribute].notna(), UNKNOWN).astype(str)
    if attribute != "acquisition_group":
        return values
    if frame[attribute].isna().all():
        return None
    counts = values.map(values.value_counts())
    pooled = values.where((counts >= section.smallest_group) | (values == UNKNOWN), OTHER)
    if "manufacturer" in frame:
        pooled = pooled.where(frame["manufacturer"].isna())
    return pooled if pooled.notna().any() else None


def age_bands(age: pd.Series[float], bounds: tuple[float, ...]) -> pd.Series[str]:
    """The band of each age in years, the lower bound included; an age outside all bands is unknown."""
    years = pd.to_numeric(age, errors="coerce").to_numpy(dtype=float)
    names = [*band_names(bounds), UNKNOWN]
    inner = np.searchsorted(bounds[1:-1], years, side="right")
    outside = ~((years >= bounds[0]) & (years <= bounds[-1]))
    return pd.Series(np.array(names, dtype=object)[np.where(outside, -1, inner)], index=age.index)


def band_names(bounds: tuple[float, ...]) -> list[str]:
    """What the age bands are called: 18-39 for [18, 40), 65+ for the last."""
    inner = [f"{low:g}-{high - 1:g}" for low, high in pairwise(bounds[:-1])]
    return [*inner, f"{bounds[-2]:g}+"]


def _ordered(values: pd.Series[str], attribute: str) -> list[str]:
    counts = values.value_counts()
    names = [str(name) for name in counts.index]
    last = {OTHER: 1, UNKNOWN: 2}
    if attribute == "age_band":
        return sorted(names, key=lambda name: (last.get(name, 0), float(name.rstrip("+").split("-")[0] or 0))
                      if name not in last else (last[name], 0.0))  # fmt: skip
    return sorted(names, key=lambda name: (last.get(name, 0), -int(counts[name]), name))


def _figures(
    frame: pd.DataFrame, patients: npt.NDArray[np.intp], inside: Mask, section: Intervals
) -> dict[str, object]:
    label = frame["label"].to_numpy()[inside].astype(bool)
    decision = frame["decision"].to_numpy()[inside].astype(bool)
    score = frame["score"].to_numpy(dtype=float)[inside]
    patient = patients[inside]
    level, smallest = section.confidence, section.smallest_group
    found = {
        "auroc": auroc_interval(label, score, patient, level, smallest),
        "sensitivity": proportion_interval(decision[label], patient[label], level, smallest),
        "specificity": proportion_interval(~decision[~label], patient[~label], level, smallest),
    }
    counts = {"n": label.size, "positives": int(label.sum()), "patients": int(np.unique(patient).size)}
    return {**counts, **{key: value for name in SUBGROUP_MEASURES for key, value in _cells(name, found[name]).items()}}


def _cells(name: str, found: Interval) -> dict[str, object]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high, f"{name}_note": found.note}
