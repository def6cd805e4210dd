"""Instances out of a snapshot as plain files, and no more of its shards fetched than hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from radloop.catalog import SUFFIX, read_catalog, read_contents
from radloop.errors import ConfigurationError
from radloop.files import replacing, sha256
from radloop.progress import progress_bar
from radloop.snapshots.contents import files_of
from radloop.snapshots.history import Version
from radloop.workspace import Workspace

#: What may become a file's name; a catalog that was tampered with leads nowhere else.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Choice:
    """Which instances: of one study, of one patient, both by pseudonym, or all."""

    study: str | None = None
    patient: str | None = None

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The chosen rows of a catalog.

        Raises ConfigurationError where there is none; what was typed is not repeated, for it may be an identity.
        """
        for column, wanted in (("study_id", self.study), ("patient_id", self.patient)):
            frame = frame if wanted is None else frame[frame[column] == wanted]
        if frame.empty:
            raise ConfigurationError(
                "no instance of this snapshot has these ids",
                "type pseudonyms of the catalog (a study's 2.25..., a patient's p-...), never an id of the hospital",
            )
        return frame.reset_index(drop=True)


@dataclass(frozen=True)
class Taken:
    """How much was written, and out of how many shards."""

    instances: int
    shards: int


def take(place: Workspace, version: Version, choice: Choice, folder: Path) -> Taken:
    """Write the chosen instances into `folder`, each named by its record id: all of them or, if it fails, nothing.

    Raises ConfigurationError where the folder holds something or cannot be written, nothing is chosen, or bytes are
    not those that the catalog names; ServiceUnavailable where neither the cache nor the remote has them.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"{folder} is not empty", "name a new folder")
    with files_of(place, version) as files:
        frame = choice.of(read_catalog(files.folder))
        wanted = {f"shards/{shard}" for shard in frame["shard"]}
        shards = files.bring(wanted.__contains__)
        _write_all(files.folder, frame, folder.absolute())
    return Taken(len(frame), len(shards))


def _write_all(snapshot: Path, frame: pd.DataFrame, folder: Path) -> None:
    try:
        with replacing(folder) as target, progress_bar("writing instances", len(frame)) as advance:
            for position, content in read_contents(snapshot, frame):
                row = frame.iloc[position]
                _write(target, str(row["record_id"]), str(row["content_type"]), content, str(row["sha256"]))
                advance(1)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write in {folder}: {error.strerror}", "free space or name a writable folder; nothing was kept"
        ) from error


def _write(folder: Path, record: str, kind: str, content: bytes, digest: str) -> None:
    if not _PLAIN.fullmatch(record) or sha256(content) != digest:
        raise ConfigurationError(
            "an instance is not what the catalog says of it: its bytes or its record id",
            "remove the cache of this installation and fetch the snapshot again",
        )
    (folder / f"{record}{SUFFIX[kind]}").write_bytes(content)
