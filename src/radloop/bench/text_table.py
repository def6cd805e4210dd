"""The documentation's table of burned-in text, from the cells that `radloop bench text` measured."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from radloop.errors import ConfigurationError
from radloop.files import write_text

if TYPE_CHECKING:
    from radloop.bench.text import Cell

BEGIN, END = "<!-- measured by radloop bench text -->", "<!-- end of what was measured -->"
HEADER = ("kind", "names, or none", "pictures", "blanked", "refused", "blanked or refused (95 %)", "painted", "CPU, s")


def cells_of(cell: Cell) -> tuple[str, ...]:
    """One row; of pictures without names the share tells what was touched or refused for nothing."""
    caught = cell.caught
    share = f"{caught.value:.1%}" if caught.value is not None else caught.note
    if caught.known:
        share += f" ({100 * (caught.low or 0):.1f} to {100 * (caught.high or 0):.1f})"
    counts = (str(cell.n), str(cell.blanked), str(cell.refused))
    return (cell.kind, cell.trait, *counts, share, f"{cell.painted:.2%}", f"{cell.ms / 1000:.2f}")


def markdown(cells: Iterable[Cell]) -> str:
    """All rows as a Markdown table."""
    lines = [HEADER, tuple("---" for _ in HEADER), *map(cells_of, cells)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def put_into(page: Path, table: str) -> None:
    """Put the table in the place of the one that a page has between its two marks.

    Raises ConfigurationError where the page lacks them.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ConfigurationError(f"the page lacks the lines {BEGIN} and {END}.", "name a page that has them")
    write_text(page, f"{before}{BEGIN}\n\n{table}\n{END}{after}")
