"""Where studies come from: one adapter per way that data arrives, one contract for all.

A source yields each thing once, as an Arrival without identity or as a Rejection with its reason; nothing that
lies in a source is passed over in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError, StudyRejected
from radloop.records import Arrival, Rejection
from radloop.settings import load_settings
from radloop.sources.dicom_folder import DicomFolder
from radloop.sources.dicomdir import is_dicomdir
from radloop.sources.instance import read_instance
from radloop.sources.medmnist import MedMnist
from radloop.sources.nifti import Decathlon, NiftiPairs
from radloop.sources.nih_cxr import NihCxr
from radloop.sources.spooled import SpooledStudies

__all__ = ["KNOWN", "Numbered", "Source", "open_source", "read_instance"]

SIMULATED = "simulated"  # a DICOM folder whose records say that no such people exist
KNOWN = (DicomFolder.name, NihCxr.name, MedMnist.name, Decathlon.name, NiftiPairs.name, SpooledStudies.name, SIMULATED)


class Source(Protocol):
    """Something that yields arrivals lazily, in the same order each time; its length counts what it will try."""

    name: str

    def __iter__(self) -> Iterator[Arrival | Rejection]: ...

    def __len__(self) -> int: ...


class Numbered(Source, Protocol):
    """A source whose items can also be read one by one, in any process."""

    def read(self, position: int) -> Arrival | Rejection: ...

    def refuse(self, position: int, refusal: StudyRejected) -> Rejection: ...


def open_source(
    name: str, folder: Path, pseudonyms: Pseudonyms, labels: Path | None = None, workers: int = 0
) -> Numbered:
    """Open a folder, or the one of a DICOMDIR, by the name of its layout, having looked only at names and tables.

    `labels` replaces the table that the layout has by itself; `workers` held processes read it, this one for 0.
    Raises ConfigurationError for an unknown
    name, a missing or empty folder and a table that lacks a column.
    """
    if name not in KNOWN:
        raise ConfigurationError(f"unknown source {name!r}; known: {', '.join(KNOWN)}", "choose one of these")
    if is_dicomdir(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}", "check the path of the data")
    if name == NihCxr.name:
        return NihCxr(folder, pseudonyms, labels, workers)
    if name == MedMnist.name:
        return MedMnist(folder, pseudonyms, workers)
    if name == Decathlon.name:
        return Decathlon(folder, pseudonyms, workers)
    if name == NiftiPairs.name:
        return NiftiPairs(folder, pseudonyms, labels, workers)
    if name == SpooledStudies.name:
        return SpooledStudies(folder, pseudonyms, load_settings().spool_quiet_seconds, labels, workers)
    return DicomFolder(folder, pseudonyms, labels, name, workers)
