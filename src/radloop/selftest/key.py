"""The answer key: one row for each thing that must be done, or left undone, to one element of one file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

CATEGORIES = (
    "tag_retained", "text_notnull", "text_retained", "text_removed", "date_shifted", "uid_changed",
    "uid_consistent", "patid_consistent", "pixels_hidden", "pixels_retained",
)  # fmt: skip


@dataclass(frozen=True)
class Action:
    """One required action, in MIDI-B's categories.

    `path` holds eight hexadecimal digits per tag, with .item for a sequence and / between levels; `planted` is what
    the file had, `expected` what must be there in the end. `beyond` marks what the declared profile does not claim.
    """

    patient: int
    file: str
    path: str
    category: str
    planted: str
    expected: str = ""
    beyond: bool = False


def write_key(path: Path, actions: list[Action]) -> None:
    """Keep the key as Parquet; it holds the planted identities, which name nobody."""
    pq.write_table(pa.Table.from_pylist([asdict(action) for action in actions]), path, compression="zstd")


def read_key(path: Path) -> list[Action]:
    """The key as it was written."""
    return [Action(**row) for row in pq.read_table(path).to_pylist()]
