"""A folder of studies into the prediction log, by the same code that answers live ones."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq

from radloop.dicom.pseudonyms import open_pseudonyms
from radloop.errors import StudyRejected
from radloop.files import sha256, write_bytes
from radloop.imaging.intake import Intake
from radloop.predictions import PredictionLog
from radloop.records import Arrival, Prediction, Rejection, table_of
from radloop.retained import retain
from radloop.serving.reader import Occasion, Served, Study, answer, prediction_id, prepare_study
from radloop.settings import Settings
from radloop.sources import Numbered, open_source
from radloop.sources.spread import spread

BATCH = 64
KEEPERS = 4  # threads that wait for the disk

Asked = tuple[Future[list[Prediction]], list[Future[Path]]]


@dataclass
class InferReport:
    """What became of a folder: answered now, answered before, refused by reason, and how long it took."""

    scored: int = 0
    already: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    rejections: Path | None = None

    @property
    def total(self) -> int:
        """Everything that was looked at."""
        return self.scored + self.already + self.rejected.total()


def score_folder(
    folder: Path,
    served: Served,
    log: PredictionLog,
    settings: Settings,
    received_on: date | None = None,
    source: str = "dicom_folder",
) -> InferReport:
    """Score a folder in the layout `source` names; see `score_source`.

    Raises ConfigurationError for an empty or missing folder.
    """
    opened = open_source(source, folder, open_pseudonyms(settings), workers=settings.workers)
    return score_source(opened, served, log, settings, received_on)


@dataclass
class _Nothing:
    """A drop folder on a night on which nothing came."""

    name: str

    def __iter__(self) -> Iterator[Arrival | Rejection]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def read(self, position: int) -> Rejection:
        """Nobody asks, for there is no position."""
        raise IndexError(position)

    def refuse(self, position: int, refusal: StudyRejected) -> Rejection:
        """Nobody asks."""
        raise IndexError(position)


def arrivals(settings: Settings, source: str, folder: Path | None = None) -> Numbered:
    """The studies of `folder`; without one those of the drop folder, where none at all is no mistake.

    Files whose name, or whose folder's, begins with a dot are still on their way and are left alone.
    Raises ConfigurationError for a named folder that is missing or empty.
    """
    place = folder or settings.drop_folder
    if folder is None:
        place.mkdir(parents=True, exist_ok=True)
        files = (path.relative_to(place) for path in place.rglob("*") if path.is_file())
        if not any(path for path in files if not any(part.startswith(".") for part in path.parts)):
            return _Nothing(source)
    return open_source(source, place, open_pseudonyms(settings), workers=settings.workers)


def score_source(
    source: Numbered,
    served: Served,
    log: PredictionLog,
    settings: Settings,
    received_on: date | None = None,
    progress: Callable[[int], object] = lambda done: None,
) -> InferReport:
    """Score what `source` yields, in batches; the same bytes under the same bundle and day are scored once.

    A study counts under `received_on`, else its own day, else today. The refused are listed, by hash and
    reason, in `<log>/<use case>/rejected/`. `progress` is told how many more have been dealt with.
    Raises ServiceUnavailable where the log cannot be written; what was journalled until then stays.
    """
    began = time.perf_counter()
    run = _Run(served, log, settings, Occasion("infer", received_on))
    try:
        run.score(source, progress)
    finally:
        run.report.rejections = run.write_rejections()
        run.report.seconds = time.perf_counter() - began
    return run.report


@dataclass(frozen=True)
class _Prepared:
    """A source whose studies come prepared for one bundle, all but those that it has answered before."""

    source: Numbered
    intake: Intake
    bundle_hash: str
    occasion: Occasion
    known: frozenset[str]

    def __len__(self) -> int:
        return len(self.source)

    def read(self, position: int) -> Study | Arrival | Rejection:
        """The study at `position`; where it is known, or refused, what its source gave."""
        arrival = self.source.read(position)
        if isinstance(arrival, Rejection) or self.identity(arrival) in self.known:
            return arrival
        try:
            return prepare_study(arrival, self.intake, time.perf_counter())
        except StudyRejected as refusal:
            digest = arrival.record.sha256
            return Rejection(self.source.name, digest, "", refusal.reason, refusal.message, position)

    def refuse(self, position: int, refusal: StudyRejected) -> Rejection:
        """As the source refuses."""
        return self.source.refuse(position, refusal)

    def identity(self, arrival: Arrival) -> str:
        """The id under which the log knows the answer."""
        return prediction_id(arrival.record, self.bundle_hash, self.occasion)


class _Run:
    """One pass over a source, and what it has seen so far."""

    def __init__(self, served: Served, log: PredictionLog, settings: Settings, occasion: Occasion) -> None:
        self.served, self.log, self.settings, self.occasion = served, log, settings, occasion
        self.keeps = settings.keep_inputs
        self.report = InferReport()
        self.rejections: list[Rejection] = []
        self._known = log.ids(served.use_case, served.bundle.hash)

    def score(self, source: Numbered, progress: Callable[[int], object]) -> None:
        """Let the network answer one batch, and the disk keep its inputs, while the next one is read."""
        with ThreadPoolExecutor(1) as engine, ThreadPoolExecutor(KEEPERS) as keepers:
            pending: Asked | None = None
            before = 0
            for batch, done in self.batches(source):
                asked = engine.submit(answer, batch, self.served, self.occasion)
                kept = [keepers.submit(retain, self.settings.retained, study.arrival) for study in batch if self.keeps]
                if pending is not None:
                    self.journal(pending)
                pending = asked, kept
                progress(done - before)
                before = done
            if pending is not None:
                self.journal(pending)

    def batches(self, source: Numbered) -> Iterator[tuple[list[Study], int]]:
        bundle, known = self.served.bundle, frozenset(self._known)
        prepared = _Prepared(source, bundle.intake, bundle.hash, self.occasion, known)
        batch: list[Study] = []
        position = -1
        for position, found in enumerate(spread(prepared, self.settings.workers)):
            if isinstance(found, Rejection):
                self._reject(found)
            elif self._is_new(prepared.identity(found if isinstance(found, Arrival) else found.arrival)):
                assert isinstance(found, Study)
                batch.append(found)
            if len(batch) == BATCH:
                yield batch, position + 1
                batch = []
        yield batch, position + 1

    def journal(self, pending: Asked) -> None:
        """Journal a batch once its inputs are kept, so that every prediction in the log can be replayed."""
        asked, kept = pending
        for keeping in kept:
            keeping.result()
        predictions = asked.result()
        self.log.append(predictions)
        self.report.scored += len(predictions)

    def write_rejections(self) -> Path | None:
        if not self.rejections:
            return None
        buffer = BytesIO()
        pq.write_table(table_of(Rejection, self.rejections), buffer)
        name = f"{sha256(buffer.getvalue())[:32]}.parquet"  # by content, so that a repeated run adds no second list
        path = self.log.folder / self.served.use_case / "rejected" / name
        write_bytes(path, buffer.getvalue())
        return path

    def _is_new(self, identity: str) -> bool:
        if identity in self._known:
            self.report.already += 1
            return False
        self._known.add(identity)
        return True

    def _reject(self, rejection: Rejection) -> None:
        self.rejections.append(rejection)
        self.report.rejected[rejection.reason] += 1
