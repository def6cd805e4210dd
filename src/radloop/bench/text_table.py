"""The documentation's table of burned-in text, from the cells that `radloop bench text` measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radloop.bench.text import Cell

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
