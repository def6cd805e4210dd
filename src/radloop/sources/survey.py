"""What a folder of DICOM files holds, counted without taking any identity along: a look before an ingest."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from radloop.dicom.headline import Headline, headline


@dataclass(frozen=True)
class Kind:
    """Objects of one modality and size: how many, in how many series of how many studies."""

    modality: str
    size: str
    studies: int
    series: int
    instances: int
    frames: int


@dataclass(frozen=True)
class Survey:
    """The kinds of a folder, the commonest first, and how many files are no DICOM that can be read."""

    kinds: tuple[Kind, ...]
    unreadable: int


def survey(folder: Path) -> Survey:
    """Count what lies below a folder; hidden files and folders are left out, as an ingest does."""
    return count(headline(path) for path in files_below(folder))


def files_below(folder: Path) -> Iterator[Path]:
    """All visible files at any depth."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def count(headlines: Iterable[Headline | None]) -> Survey:
    """Add up headlines; UIDs are compared and forgotten, and what is no code as PS3.5 spells it is told as other."""
    found: defaultdict[tuple[str, str], list[Headline]] = defaultdict(list)
    unreadable: Counter[bool] = Counter()
    for one in headlines:
        unreadable[one is None] += 1
        if one is not None:
            found[_modality(one), f"{one.columns} x {one.rows}" if one.rows else "none"].append(one)
    kinds = (_kind(modality, size, group) for (modality, size), group in found.items())
    return Survey(tuple(sorted(kinds, key=lambda kind: (-kind.instances, kind.modality, kind.size))), unreadable[True])


#: The defined terms that are met (PS3.3 C.7.3.1.1.1): anything else in their place may be a name.
_MODALITIES = frozenset((
    "CR", "CT", "DX", "ES", "IO", "IVUS", "KO", "MG", "MR", "NM", "OT", "PR", "PT", "PX", "REG", "RF", "RTDOSE",
    "RTIMAGE", "RTPLAN", "RTSTRUCT", "SC", "SEG", "SM", "SR", "US", "XA", "XC",
))  # fmt: skip


def _modality(one: Headline) -> str:
    return one.modality if one.modality in _MODALITIES else "other"


def _kind(modality: str, size: str, group: list[Headline]) -> Kind:
    studies, series = {one.study for one in group}, {(one.study, one.series) for one in group}
    frames = sum(max(one.frames, 1) for one in group) if size != "none" else 0
    return Kind(modality, size, len(studies), len(series), len(group), frames)
