"""A folder laid out like the workspace, without DVC: stages are files to files, so they can be timed alone."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from radloop.bench.clock import RUNS, TURNS
from radloop.catalog import Admission
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.ingest import ingest
from radloop.params import Classification, Params, Paths, override
from radloop.settings import Settings
from radloop.simulate.hospital import simulate
from radloop.simulate.knobs import Hospital
from radloop.sources import open_source

#: The synthetic patients of a bench need no secret.
KEY = b"the patients of a bench are invented"


#: What differs from params.yaml while jobs are timed: training, which takes all its epochs alike.
KNOBS: dict[str, object] = {"chest_pneumonia.train.epochs": 2}


@dataclass(frozen=True)
class Size:
    """How much a bench handles, how often, and which knobs it changes.

    `studies` are learnt from, `month` is a month of production, `written` are simulated against the clock; their
    films have `side` pixels a side. Jobs are run `runs` times, the two ways of a ratio take `turns` each.
    """

    studies: int = 600
    month: int = 300
    written: int = 600
    side: int = 512
    runs: int = RUNS
    turns: int = TURNS
    knobs: Mapping[str, object] = field(default_factory=lambda: KNOBS)


class Setting:
    """One such folder with the project's params.yaml and whatever knobs are changed in it.

    A folder that has its params.yaml already is taken as it is, for a job in a process of its own.
    """

    def __init__(self, folder: Path, settings: Settings, knobs: Mapping[str, object] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "params.yaml").exists():
            shutil.copy(settings.project / "params.yaml", folder / "params.yaml")
            override(folder / "params.yaml", dict(knobs or {}))
        self.folder, self.settings = folder, settings

    @property
    def paths(self) -> Paths:
        """Absolute paths."""
        paths = Params.load(self.folder).paths
        return Paths(data=self.folder / paths.data, out=self.folder / paths.out)

    def case(self, use_case: str) -> Classification:
        """One use case with the changed knobs."""
        return Params.load(self.folder).classification(use_case)

    def incoming(self, hospital: Hospital, studies: int, name: str) -> Path:
        """Write simulated studies, once."""
        target = self.folder / "incoming" / name
        if not target.exists():
            simulate(hospital, studies, target, workers=self.settings.workers)
        return target

    def admit(self, use_case: str, source: str, folder: Path) -> Admission:
        """Ingest a folder into the snapshot."""
        return ingest(open_source(source, folder, Pseudonyms(KEY)), self.paths.snapshot(use_case))
