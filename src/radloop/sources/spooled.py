"""The complete studies of a spool, behind the same contract as every other source."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from mmap import mmap
from pathlib import Path

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError, StudyRejected
from radloop.files import sha256
from radloop.records import Arrival
from radloop.sources.dicom_folder import read_labels
from radloop.sources.file_source import FileSource
from radloop.sources.objects import object_arrival
from radloop.sources.spool import CONFLICT, DAMAGED
from radloop.sources.studies import Completeness, studies

log = logging.getLogger("radloop.spool")
_WHY = {
    CONFLICT: "another instance had landed under this SOPInstanceUID; the first one stays.",
    DAMAGED: "the file in the spool is not what was written there.",
}


class SpooledStudies(FileSource):
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
        short = sum(study.missing > 0 for study in found if study.completeness is Completeness.QUIET)
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

    def _read(self, name: str, content: bytes | mmap) -> Arrival:
        path = Path(name)
        reason = path.parent.name
        if path.parts[0] == "quarantine":
            raise StudyRejected(reason, _WHY[reason], "look at both and decide which one is right")
        if sha256(content) != path.stem:
            raise StudyRejected(DAMAGED, _WHY[DAMAGED], "check the disk and send the study again")
        arrival = object_arrival(content, self._pseudonyms, self.name)
        findings = self._findings.get(arrival.record.instance_uid)
        return replace(arrival, record=replace(arrival.record, findings=findings))
