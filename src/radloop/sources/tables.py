"""Tables that people lay beside their files, as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from radloop.errors import ConfigurationError


def read_table(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The place ("NAME line N") and the cells of each row, an absent cell being empty.

    Raises ConfigurationError where the table cannot be read or lacks one of `columns`.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restval="")
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise ConfigurationError(
                    f"{path.name} lacks the column {', '.join(missing)}", f"give it the header {','.join(columns)}"
                )
            for row in reader:
                yield f"{path.name} line {reader.line_num}", row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"{path.name} cannot be read as CSV ({type(error).__name__})", "mend the file"
        ) from None
