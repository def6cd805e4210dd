"""The whole self-test: plant, ingest by the ordinary path, judge every file, and search what was written."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from radloop.catalog import read_catalog, read_contents
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError
from radloop.files import write_text
from radloop.ingest import ingest
from radloop.parallel import mapping
from radloop.progress import progress_bar
from radloop.records import Arrival, Rejection
from radloop.sections.intake import Deidentify
from radloop.selftest.generate import PLANTED, generate, needles_of
from radloop.selftest.judging import Judged, judge, judge_refused
from radloop.selftest.key import Action
from radloop.selftest.report import write_page
from radloop.selftest.scoring import GOAL, Score, settle
from radloop.selftest.traces import Needles, search
from radloop.sources.dicom_folder import DicomFolder

#: The patients are invented: their key is no secret, and equal seeds shall give equal bytes.
KEY = b"the patients of this self-test are invented"
STORED, REPORT, FAILURES = "stored", "report.html", "failures.jsonl"


@dataclass(frozen=True)
class Outcome:
    """What came of one self-test; `traces` are planted strings by the file that still tells them."""

    patients: int
    seed: int
    files: int
    score: Score
    searched: int
    traces: dict[str, set[str]]

    @property
    def passed(self) -> bool:
        """Whether the goal is reached and nothing was found."""
        return self.score.share >= GOAL and not self.traces


def run_selftest(folder: Path, patients: int, seed: int, knobs: Deidentify, workers: int) -> Outcome:
    """Plant, ingest, judge, search; the page and the failures lie in `folder`.

    Raises ConfigurationError where `folder` holds anything.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty", "name a new folder with --out")
    with progress_bar("planting patients", patients) as advance:
        actions = generate(folder, patients, seed, knobs, workers, advance)
    asked = defaultdict(list)
    for action in actions:
        asked[action.file].append(action)
    names = sorted(asked)  # the order in which a folder is read
    source = DicomFolder(folder / PLANTED, Pseudonyms(KEY, Profile(knobs)), workers=workers)
    fates: list[tuple[str, bool]] = []
    with progress_bar("ingesting", len(names)) as advance:
        ingest(_Noting(source, fates), folder / STORED, advance)
    judged = _judge_all(folder / STORED, dict(zip(names, fates, strict=True)), asked, workers)
    searched, traces = search(folder / STORED, Needles(needles_of(range(patients), seed, actions)))
    outcome = Outcome(patients, seed, len(names), settle(judged), searched, traces)
    _keep(folder, outcome, knobs)
    return outcome


class _Noting:
    """A source that is passed on as it is, while the fate of each file is noted."""

    def __init__(self, source: DicomFolder, fates: list[tuple[str, bool]]) -> None:
        self.name, self._source, self._fates = source.name, source, fates

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[Arrival | Rejection]:
        for thing in self._source:
            stored = isinstance(thing, Arrival)
            self._fates.append((thing.record.record_id if isinstance(thing, Arrival) else thing.reason, stored))
            yield thing


def _judge_all(
    stored: Path, fates: dict[str, tuple[str, bool]], asked: dict[str, list[Action]], workers: int
) -> list[Judged]:
    refused = [one for name, (reason, kept) in fates.items() if not kept for one in judge_refused(reason, asked[name])]
    files = {record: name for name, (record, kept) in fates.items() if kept}
    frame = read_catalog(stored)
    ids = list(frame["record_id"])
    with mapping(workers) as spread:
        pairs = ((ids[place], content) for place, content in read_contents(stored, frame))
        found: Iterable[list[Judged]] = spread(partial(_judge_one, asked, files), pairs)
        return refused + [one for several in found for one in several]


def _judge_one(asked: dict[str, list[Action]], files: dict[str, str], pair: tuple[str, bytes]) -> list[Judged]:
    record, content = pair
    return judge(content, asked[files[record]])


def _keep(folder: Path, outcome: Outcome, knobs: Deidentify) -> None:
    failures = [
        {"file": one.action.file, "path": one.action.path, "category": one.action.category,
         "planted": one.action.planted, "observed": one.observed, "how": one.how}
        for one in outcome.score.failures()
    ]  # fmt: skip
    write_text(folder / FAILURES, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in failures))
    told = {"patients": outcome.patients, "seed": outcome.seed, "files": outcome.files, "searched": outcome.searched}
    write_text(folder / REPORT, write_page(outcome.score, outcome.traces, told, knobs))
