"""The mutation fuzzer: seeds damaged at random in held processes for a while, and every broken promise kept."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pydicom.data

from radloop.bounds import Bound, bounded
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import StudyRejected, place_of
from radloop.files import sha256
from radloop.fuzzing.bad_files import header_kinds
from radloop.fuzzing.bad_pixels import bad_pngs, strange_fragments
from radloop.fuzzing.bad_sets import bad_sets
from radloop.fuzzing.bad_volumes import bad_volumes
from radloop.fuzzing.films import film
from radloop.fuzzing.mutations import mutated
from radloop.fuzzing.trial import tried
from radloop.records import Rejection
from radloop.sections.intake import Deidentify
from radloop.sources.spread import spread

LARGEST_SEED = 300_000  # bytes: small files find as much in a tenth of the time
PER_ROUND = 2000  # trials of one process's life
_KEY = b"a key for invented patients only"
_LONGEST = Bound(30, 4096)  # of one trial, which reads a file three times
BROKEN = "broken "


@dataclass
class Findings:
    """How many trials there were, how they ended, and the bytes that broke a promise, by what they broke."""

    trials: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[str, bytes]] = field(default_factory=list)


@dataclass(frozen=True)
class Trials:
    """Numbered trials that any process can make again: a seed of the corpus, damaged by its number."""

    seeds: list[bytes]
    seed: int
    first: int

    def __len__(self) -> int:
        return PER_ROUND

    def content(self, position: int) -> bytes:
        """The bytes of one trial."""
        random = Random(f"{self.seed} {self.first + position}")
        return mutated(random.choice(self.seeds), random.choice(self.seeds), random)

    def read(self, position: int) -> Rejection:
        """One trial under a bound; what it ended with is the reason."""
        content = self.content(position)
        profile = Profile(Deidentify(clean_pixel_data="keep", clean_recognizable_visual_features="keep"))
        try:
            with bounded(_LONGEST), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reason = tried(content, Pseudonyms(_KEY, profile)) or "admitted"
        except StudyRejected as refusal:
            reason = refusal.reason
        except Exception as error:  # the very thing that is looked for
            reason = f"{BROKEN}{type(error).__name__}: {place_of(error)}"
        return self._ended(position, reason, content)

    def refuse(self, position: int, refusal: StudyRejected) -> Rejection:
        """What a lost process is told as."""
        return self._ended(position, refusal.reason, self.content(position))

    def _ended(self, position: int, reason: str, content: bytes) -> Rejection:
        return Rejection("fuzz", sha256(content), "", reason, "", position)


def seeds() -> list[bytes]:
    """Good and bad files to start from: pydicom's own that are small, invented films and all kinds of bad file.

    Films, volumes and sets that are whole come more often, for damage to what is bad already seldom gets far.
    """
    kinds = [*header_kinds(), *strange_fragments(), *bad_pngs(), *bad_volumes(), *bad_sets()]
    found = [film(f"seed {number}") for number in range(20)] + [kind.content for kind in kinds]
    found += [kind.content for kind in (*bad_pngs(), *bad_volumes(), *bad_sets()) if not kind.reason] * 5
    return [content for content in (*found, *_pydicom_files()) if 0 < len(content) < LARGEST_SEED]


def _pydicom_files() -> Iterator[bytes]:
    folder = Path(pydicom.data.__file__).parent / "test_files"
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.read_bytes()


def fuzz(seconds: float, seed: int, workers: int, corpus: list[bytes]) -> Findings:
    """Try damaged files until the time is over; equal seeds try the same files in the same order."""
    findings, end, first = Findings(), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        trials = Trials(corpus, seed, first)
        for position, item in enumerate(spread(trials, workers)):
            reason = item.reason if isinstance(item, Rejection) else ""
            findings.trials += 1
            findings.reasons[reason] += 1
            if reason.startswith(BROKEN) or reason == "reader_died":
                findings.broken.append((reason, trials.content(position)))
            if time.monotonic() > end:
                break
        first += len(trials)
    return findings
