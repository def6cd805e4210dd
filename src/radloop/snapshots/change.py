"""What changed between two snapshots: who came and went, and whether they are still the same kind of people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from radloop.catalog import read_catalog
from radloop.evaluation.names import OTHER, UNKNOWN
from radloop.evaluation.subgroups import age_bands, band_names
from radloop.intervals import Interval, proportion_interval, wilson
from radloop.params import UseCase
from radloop.snapshots.contents import files_of
from radloop.snapshots.history import Version
from radloop.workspace import Workspace

#: Categories of one characteristic that are told one by one; the rarest are one.
MOST = 10


@dataclass(frozen=True)
class Moved:
    """How many of a kind both snapshots hold, and how many came in and went out."""

    kind: str
    before: int
    after: int
    came: int
    left: int


@dataclass(frozen=True)
class Share:
    """How common one category is in both, of all images; the intervals know which images are one patient's."""

    characteristic: str
    category: str
    before: Interval
    after: Interval

    @property
    def apart(self) -> bool:
        """True where the two intervals have no value in common."""
        bounds = (self.before.low, self.before.high, self.after.low, self.after.high)
        low, high, other_low, other_high = (np.nan if bound is None else bound for bound in bounds)
        return bool(other_low > high or other_high < low)


@dataclass(frozen=True)
class Change:
    """Two snapshots side by side."""

    title: str
    before: Version
    after: Version
    moved: tuple[Moved, ...]
    relabelled: int
    shares: tuple[Share, ...]


def change(place: Workspace, before: Version, after: Version) -> Change:
    """Compare two snapshots of one use case by their catalogs alone; no image is read or fetched.

    Raises ServiceUnavailable where a catalog can be had from neither the cache nor the remote.
    """
    case = place.case(before.use_case)
    with files_of(place, before) as old, files_of(place, after) as new:
        frames = read_catalog(old.folder), read_catalog(new.folder)
    return Change(case.task.title, before, after, moved(*frames), relabelled(*frames), shares(*frames, case))


def count_images(place: Workspace, version: Version) -> int:
    """How many images a snapshot holds, masks left out.

    Raises ServiceUnavailable as `change` does.
    """
    with files_of(place, version) as files:
        return len(_images(read_catalog(files.folder)))


def moved(before: pd.DataFrame, after: pd.DataFrame) -> tuple[Moved, ...]:
    """Patients, studies and instances of both catalogs."""
    found = []
    for kind, column in (("patients", "patient_id"), ("studies", "study_id"), ("instances", "record_id")):
        old, new = set(before[column]), set(after[column])
        found.append(Moved(kind, len(old), len(new), len(new - old), len(old - new)))
    return tuple(found)


def relabelled(before: pd.DataFrame, after: pd.DataFrame) -> int:
    """Instances of both whose findings differ, whatever their order."""
    old, new = (_findings(frame) for frame in (before, after))
    return sum(findings != old[record] for record, findings in new.items() if record in old)


def shares(before: pd.DataFrame, after: pd.DataFrame, case: UseCase) -> tuple[Share, ...]:
    """Prevalence among labelled images, then sex, age, scanner, site and view; what nobody tells is left out."""
    frames = [_images(before), _images(after)]
    found = [Share("prevalence", case.task.finding, *(_prevalence(frame, case.task.finding) for frame in frames))]
    for name in ("sex", "age", "scanner", "site", "view"):
        values = [_values(frame, name, case) for frame in frames]
        for category in _categories(values, name, case):
            halves = [_half(v, category, f) for v, f in zip(values, frames, strict=True)]
            found.append(Share(name, category, *halves))
    return tuple(found)


def _findings(frame: pd.DataFrame) -> dict[str, frozenset[str] | None]:
    pairs = zip(frame["record_id"], frame["findings"], strict=True)
    return {record: None if found is None else frozenset(found) for record, found in pairs}


def _images(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["role"].fillna("image") == "image"].reset_index(drop=True)


def _prevalence(frame: pd.DataFrame, finding: str) -> Interval:
    labelled = frame[frame["findings"].notna()]
    return _interval(labelled["findings"].map(lambda found: finding in found), labelled["patient_id"])


def _interval(outcomes: pd.Series[Any], patients: pd.Series[str]) -> Interval:
    if len(outcomes) == 0:
        return wilson(0, 0)
    return proportion_interval(outcomes.to_numpy(dtype=bool), patients.to_numpy())


def _values(frame: pd.DataFrame, name: str, case: UseCase) -> pd.Series[str]:
    if name == "age":
        return age_bands(frame["age"], case.intervals.age_bands)
    if name == "scanner":
        maker, model = frame["manufacturer"].fillna(""), frame["model_name"].fillna("")
        return (maker + " " + model).str.strip().replace("", UNKNOWN)
    return frame[name].fillna(UNKNOWN).astype(str)


def _categories(values: list[pd.Series[str]], name: str, case: UseCase) -> list[str]:
    """Age in its own order, the rest by how common they are; the rarest become one, and the untold come last."""
    counts = pd.concat(values).value_counts()
    told = [str(category) for category in counts.index if category != UNKNOWN]
    if not told:
        return []
    order = [band for band in band_names(case.intervals.age_bands) if band in told] if name == "age" else told
    for rare in order[MOST:]:
        for series in values:
            series[series == rare] = OTHER
    return order[:MOST] + [OTHER] * (len(order) > MOST) + [UNKNOWN] * (UNKNOWN in counts.index)


def _half(values: pd.Series[str], category: str, frame: pd.DataFrame) -> Interval:
    return _interval(values == category, frame["patient_id"])
