"""The complete studies of a spool, behind the same contract as every other source."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError, StudyRejected
from radloop.files import sha256
from radloop.records import Arrival, Rejection
from radloop.sources.dicom_folder import read_labels
from radloop.sources.instance import dicom_arrival, read_file, rejection
from radloop.sources.spool import CONFLICT, DAMAGED
from radloop.sources.spread import spread
from radloop.sources.studies import Completeness, studies

log = logging.getLogger("radloop.spool")
_WHY = {
    CONFLICT: "another instance had landed under this SOPInstanceUID; the first one stays.",
    DAMAGED: "the file in the spool is not what was written there.",
}


class SpooledStudies:
    """Every instance of every complete study, then what the spool itself has set aside, as rejections.

    `quiet` seconds without a new instance end a study. Studies that still arrive are counted in `arriving` and
    left for the next time. Raises ConfigurationError where no study is complete.
    """

    name = "spool"

    def __init__(
        self, folder: Path, pseudonyms: Pseudonyms, quiet: float, labels: Path | None = None, workers: int = 0
    ) -> None:
        self._pseudonyms, self._workers, self._folder = pseudonyms, workers, folder
        self._findings = read_labels(labels, pseudonyms) if labels else {}
        found = studies(folder, quiet)
        kinds = Counter(study.completeness for study in found)
        self.arriving = kinds[Completeness.ARRIVING]
        short = sum(len(s.files) < (s.expected or 0) for s in found if s.completeness is Completeness.QUIET)
        ready = [path for study in found if study.completeness is not Completeness.ARRIVING for path in study.files]
        self._files = [str(p.relative_to(folder)) for p in (*ready, *sorted((folder / "quarantine").glob("*/*")))]
        log.log(
            logging.WARNING if short or self.arriving else logging.INFO,
            "studies: %d counted, %d by time-out, of which %d short of their count, %d still arriving",
            kinds[Completeness.COUNTED], kinds[Completeness.QUIET], short, self.arriving,
        )  # fmt: skip
        if not self._files:
            raise ConfigurationError(
                f"the spool holds no complete study; {self.arriving} still arriving",
                f"wait until nothing has come for {quiet:g} s, or send some studies to `radloop receive`",
            )

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[Arrival | Rejection]:
        return spread(self, self._workers)

    def read(self, position: int) -> Arrival | Rejection:
        """The file at `position`."""
        name, content = self._files[position], b""
        try:
            content = read_file(self._folder / name)
            return self._read(Path(name), content)
        except StudyRejected as refusal:
            return rejection(refusal, self._pseudonyms, self.name, name=name, content=content, position=position)

    def refuse(self, position: int, refusal: StudyRejected) -> Rejection:
        """What is kept of a file whose reading failed: it is hashed and not parsed."""
        name = self._files[position]
        try:
            content = read_file(self._folder / name)
        except StudyRejected:
            content = b""
        return rejection(refusal, self._pseudonyms, self.name, name=name, content=content, position=position)

    def _read(self, name: Path, content: bytes) -> Arrival:
        reason = name.parent.name
        if name.parts[0] == "quarantine":
            raise StudyRejected(reason, _WHY[reason], "look at both and decide which one is right")
        if sha256(content) != name.stem:
            raise StudyRejected(DAMAGED, _WHY[DAMAGED], "check the disk and send the study again")
        arrival = dicom_arrival(content, self._pseudonyms, self.name)
        findings = self._findings.get(arrival.record.instance_uid)
        return replace(arrival, record=replace(arrival.record, findings=findings))
