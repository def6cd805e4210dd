"""What a DICOMDIR lists: the files of its file-set, whether they are there or not.

Source: DICOM PS3.3 annex F (basic directory), PS3.10 8 (file ids).
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pydicom
from pydicom.dataset import Dataset

from radloop.dicom.read import items_of, values_of

NAME = "DICOMDIR"
DIRECTORY = "1.2.840.10008.1.3.10"  # Media Storage Directory Storage


def is_dicomdir(path: Path) -> bool:
    """Whether a file is a directory by its name and its own word; by its name alone it may be a film."""
    return path.name.upper() == NAME and _read(path) is not None


def listed(path: Path) -> list[str]:
    """Paths that a DICOMDIR lists, relative to its folder and spelled as the files there are.

    Media are often mounted with names in lower case. A listed file that is not there keeps the DICOMDIR's spelling,
    so that it is missed; an entry that would lead out of the folder is left out.
    """
    there = {str(file.relative_to(path.parent)).upper(): file for file in path.parent.rglob("*") if file.is_file()}
    directory = _read(path)
    names = [_name(record) for record in items_of(directory, "DirectoryRecordSequence")] if directory else []
    return [
        str(there[name.upper()].relative_to(path.parent)) if name.upper() in there else name for name in names if name
    ]


def _read(path: Path) -> Dataset | None:
    try:
        directory = pydicom.dcmread(path)
        found = directory.file_meta.MediaStorageSOPClassUID == DIRECTORY
    except Exception:  # a parser of foreign bytes fails in any way; then it is no directory, and is refused as a file
        return None
    return directory if found else None


def _name(record: Dataset) -> str:
    """The file of a directory record, or nothing where it has none."""
    parts = [str(part) for part in values_of(record, "ReferencedFileID")]
    inside = all(part not in ("", ".", "..") and "/" not in part and "\0" not in part for part in parts)
    return str(PurePosixPath(*parts)) if parts and inside else ""
