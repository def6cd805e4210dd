"""Which studies of a spool are complete: by the count that a source told, or because nothing has come for a while."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from radloop.errors import StudyRejected
from radloop.files import read_json
from radloop.sources.wire import from_file


class Completeness(StrEnum):
    """Why a study may be read, or that it may not yet."""

    COUNTED = "counted"  # as many instances as its source told
    QUIET = "quiet"  # nothing has come for so long that nothing more is expected
    ARRIVING = "arriving"


@dataclass(frozen=True)
class Study:
    """One study of a spool, named by a keyed pseudonym; `expected` is None where no source told a count."""

    name: str
    files: tuple[Path, ...]
    expected: int | None
    completeness: Completeness

    @property
    def missing(self) -> int:
        """Instances that its source has told of and that have not come."""
        return max((self.expected or 0) - len(self.files), 0)


def study_uid(study: Study) -> str | None:
    """The StudyInstanceUID as its instances tell it, not for any log; None where there is none that can be read."""
    try:
        return from_file(study.files[0].read_bytes()).study
    except (IndexError, FileNotFoundError, StudyRejected):  # released meanwhile, or damaged: ingest tells
        return None


def studies(spool: Path, quiet: float) -> list[Study]:
    """All studies in the order of their names; `quiet` seconds without a new instance end one.

    A study whose count is told and not reached ends by time as well, for its source may be gone.
    """
    folders = sorted(path for path in (spool / "studies").glob("*") if path.is_dir())
    return [_study(folder, spool / "expected" / f"{folder.name}.json", quiet) for folder in folders]


def _study(folder: Path, told: Path, quiet: float) -> Study:
    last = folder.stat().st_mtime  # before the files are listed: one that comes in between is the next look's
    files = tuple(sorted(folder.glob("*.dcm")))
    expected = int(read_json(told)["instances"]) if told.exists() else None
    return Study(folder.name, files, expected, _completeness(len(files), expected, time.time() - last, quiet))


def _completeness(count: int, expected: int | None, silence: float, quiet: float) -> Completeness:
    if expected is not None and count >= expected:
        return Completeness.COUNTED
    return Completeness.QUIET if silence >= quiet else Completeness.ARRIVING
