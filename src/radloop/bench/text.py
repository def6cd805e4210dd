"""How much burned-in text is found: invented names drawn on pictures of each kind, and what pictures without lose."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from radloop.bench.planting import HELD_OUT, KINDS, Drawn, Kind, Planted, plain, plant
from radloop.burned_in import Unsure, blank
from radloop.intervals import Interval, proportion_interval

GONE = 0.9  # of the ink that must be painted over for a name to count as blanked


@dataclass(frozen=True)
class Outcome:
    """What became of one picture: blanked (or touched, where there was no name), refused, or neither.

    `painted` is the share of its pixels that were changed inside the regions it may keep; `ms` the time of processors
    that the search took, tesseract's included.
    """

    blanked: bool
    refused: bool
    painted: float
    ms: float


@dataclass(frozen=True)
class Cell:
    """Pictures of one kind and trait: how many, blanked, refused, the share of both with its interval, the time.

    `trait` is empty for all names of the kind, and `no text` for pictures without: there the share is that of
    pictures touched or refused for nothing, and `painted` the mean share of pixels.
    """

    kind: str
    trait: str
    n: int
    blanked: int
    refused: int
    caught: Interval
    painted: float
    ms: float


def measure_recall(texts: int, first: int = HELD_OUT, kinds: Sequence[Kind] = KINDS) -> Iterator[Cell]:
    """`texts` names of each kind from seed `first` on, each on a picture of its own; then pictures without any.

    No two pictures of a cell share a film, so the design effect is 1. Raises Unreadable where tesseract is missing.
    """
    for kind in kinds:
        names, outcomes = [], []
        for at in range(texts):
            case = plant(kind, at, first)
            names.append(case.drawn)
            outcomes.append(outcome(case, kind))
        for trait, chosen in _traits([name for name in names if name]):
            yield _cell(kind.name, trait, [outcomes[at] for at in chosen])
        bare = range(first + texts, first + texts + -(-texts // 2))
        yield _cell(kind.name, "no text", [outcome(plain(kind, seed), kind) for seed in bare])


def measure_films(folder: Path) -> Iterator[Cell]:
    """What the search does to radiographs of ChestX-ray14 [PNG], by halves of patients: even numbers were looked at
    while thresholds were chosen, odd ones were not. Films of one patient are alike, which widens the interval.
    """
    films = sorted(folder.rglob("*.png"))
    for half, name in enumerate(("even patients", "odd patients, held out")):
        chosen = [film for film in films if int(film.stem.split("_")[0]) % 2 == half]
        outcomes = [_searched(np.asarray(Image.open(film).convert("L"))) for film in chosen]
        yield _cell("ChestX-ray14", name, outcomes, [film.stem.split("_")[0] for film in chosen])


def measure_slices(folder: Path) -> Iterator[Cell]:
    """What the search does to the images of a folder of DICOM, by modality; those of one series are one cluster."""
    from radloop.dicom.pixels import stored_values
    from radloop.dicom.read import read_dicom, text
    from radloop.errors import StudyRejected

    found: dict[str, list[tuple[str, Outcome]]] = {}
    for path in sorted(folder.rglob("*.dcm")):
        try:
            dataset = read_dicom(path.read_bytes())
        except StudyRejected:  # contours and the like
            continue
        seen = _searched(stored_values(dataset))
        found.setdefault(text(dataset, "Modality"), []).append((text(dataset, "SeriesInstanceUID"), seen))
    for modality, seen_of in found.items():
        yield _cell("DICOM", modality, [one for _, one in seen_of], [series for series, _ in seen_of])


def outcome(case: Planted, kind: Kind) -> Outcome:
    """Search one picture as its kind is searched."""
    return _judged(case.picture, case.ink, kind, lambda: blank(case.picture, False, kind.whole, kind.regions))


def _searched(picture: np.ndarray) -> Outcome:
    kind = Kind("", lambda _: picture, (), (), False, False)
    return outcome(Planted(picture, np.zeros(picture.shape, bool)), kind)


def _judged(picture: np.ndarray, ink: np.ndarray, kind: Kind, work: Callable[[], np.ndarray]) -> Outcome:
    began = _processors()
    try:
        clean = work()
    except Unsure:
        return Outcome(False, True, 0.0, 1000 * (_processors() - began))
    took = 1000 * (_processors() - began)
    changed = clean != picture
    parts = [changed[box.top : box.bottom, box.left : box.right] for box in kind.regions] or [changed]
    painted = sum(int(part.sum()) for part in parts) / picture.size
    gone = bool((changed | (picture == picture.min()))[ink].mean() >= GONE) if ink.any() else painted > 0
    return Outcome(gone, False, painted, took)


def _processors() -> float:
    """Seconds that processors worked for this process and for its children: others on the machine do not count."""
    used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _traits(names: Sequence[Drawn]) -> Iterator[tuple[str, list[int]]]:
    """Every trait of names with the places of those that have it: all, by size, by contrast, bitmaps, turned ones."""
    traits: dict[str, list[int]] = {"all": list(range(len(names)))}
    for at, name in sorted(enumerate(names), key=lambda one: one[1].size):
        traits.setdefault(f"{name.size} px", []).append(at)
    for at, name in sorted(enumerate(names), key=lambda one: one[1].contrast):
        traits.setdefault(f"contrast {name.contrast:.0%}", []).append(at)
    traits["bitmap"] = [at for at, name in enumerate(names) if name.typeface == "bitmap"]
    traits["turned by 90\u00b0"] = [at for at, name in enumerate(names) if name.turned]
    return ((trait, chosen) for trait, chosen in traits.items() if chosen)


def _cell(kind: str, trait: str, outcomes: Sequence[Outcome], clusters: Sequence[str] | None = None) -> Cell:
    caught = [one.blanked or one.refused for one in outcomes]
    return Cell(
        kind, trait, len(outcomes), sum(one.blanked for one in outcomes), sum(one.refused for one in outcomes),
        proportion_interval(caught, None if clusters is None else np.unique(clusters, return_inverse=True)[1]),
        float(np.mean([one.painted for one in outcomes] or [0.0])), median([one.ms for one in outcomes] or [0.0]),
    )  # fmt: skip
