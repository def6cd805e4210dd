"""A folder of DICOM files of any name at any depth, with an optional table of what was found on them.

A DICOMDIR in it is no film but a list: a file that it names and that is not there is missed by name.
"""

from __future__ import annotations

from dataclasses import replace
from mmap import mmap
from pathlib import Path

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError
from radloop.records import Arrival
from radloop.sources.dicomdir import is_dicomdir, listed
from radloop.sources.file_source import FileSource
from radloop.sources.objects import object_arrival
from radloop.sources.survey import files_below
from radloop.sources.tables import read_table

LABELS = "labels.csv"
TRUTH = "truth.parquet"  # what a simulation knows; never shown to a model
COLUMNS = ("sop_instance_uid", "findings")


class DicomFolder(FileSource):
    """All files below a folder, in the order of their paths.

    `labels.csv` (columns sop_instance_uid, findings) tells findings, separated by |; an empty cell means that
    somebody looked and found nothing, an absent row that nobody looked.
    """

    name = "dicom_folder"

    def __init__(
        self,
        folder: Path,
        pseudonyms: Pseudonyms,
        labels: Path | None = None,
        name: str = name,
        workers: int = 0,
    ) -> None:
        self.name, self._workers = name, workers
        self._pseudonyms = pseudonyms
        table = labels or folder / LABELS
        self._findings = read_labels(table, pseudonyms) if labels or table.is_file() else {}
        self._files = _find_files(folder, table)
        self._folder = folder
        if not self._files:
            raise ConfigurationError(f"{folder} holds no file", "check the path of the data")

    def _read(self, name: str, content: bytes | mmap) -> Arrival:
        arrival = object_arrival(content, self._pseudonyms, self.name)
        findings = self._findings.get(arrival.record.instance_uid)
        return replace(arrival, record=replace(arrival.record, findings=findings))


def _find_files(folder: Path, table: Path) -> list[str]:
    """Paths of all visible files relative to the folder, but for its tables, and of those that a DICOMDIR lists."""
    tables = {(folder / LABELS).absolute(), (folder / TRUTH).absolute(), table.absolute()}
    found = [str(path.relative_to(folder)) for path in files_below(folder) if path.absolute() not in tables]
    directories = {name for name in found if is_dicomdir(folder / name)}
    promised = {str(Path(name).parent / file) for name in directories for file in listed(folder / name)}
    return sorted({*found, *promised} - directories)


def read_labels(path: Path, pseudonyms: Pseudonyms) -> dict[str, list[str]]:
    """Findings by the pseudonym of the SOPInstanceUID, so that the table's own UIDs are forgotten.

    Raises ConfigurationError where the table cannot be read, lacks a column or names an object twice.
    """
    labels: dict[str, list[str]] = {}
    for place, row in read_table(path, COLUMNS):
        uid = pseudonyms.stored_uid(row["sop_instance_uid"])
        if uid in labels:
            raise ConfigurationError(f"{place} names an object a second time", "remove one of the lines")
        labels[uid] = [finding.strip() for finding in row["findings"].split("|") if finding.strip()]
    return labels
