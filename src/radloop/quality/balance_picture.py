"""The balance of the splits as a picture, for a person who will not read a table."""

from __future__ import annotations

import io

from radloop.quality.balance import Cell
from radloop.quality.groups import SPLITS

_COLOURS = {"train": "#14589c", "validation": "#c77700", "test": "#1a7f37"}


def balance_png(cells: list[Cell], title: str) -> bytes:
    """Draw each category's share in each split, the range that chance allows, and the share in the whole.

    A filled mark holds, a crossed one does not. Returns a PNG without a date, so that equal data give equal bytes.
    """
    from matplotlib.figure import Figure  # 0.5 s that only this picture needs

    names = list(dict.fromkeys((cell.variable, cell.category) for cell in cells))
    figure = Figure(figsize=(8, 1.2 + 0.55 * len(names)), layout="constrained")
    axes = figure.subplots()
    for cell in cells:
        place = names.index((cell.variable, cell.category)) + 0.22 * (SPLITS.index(cell.split) - 1)
        colour = _COLOURS[cell.split]
        axes.plot([cell.low, cell.high], [place, place], color=colour, alpha=0.3, linewidth=5)
        axes.plot([cell.share], [place], marker="o" if cell.holds else "X", color=colour, markersize=6)
        axes.plot([cell.whole] * 2, [place - 0.15, place + 0.15], color="black", linewidth=1)
    for split in SPLITS:
        axes.plot([], [], "o", color=_COLOURS[split], label=split)
    axes.set_yticks(range(len(names)), [f"{variable}: {category}" for variable, category in names])
    axes.invert_yaxis()
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("share of images (bar: what dealing by chance gives; line: the whole; cross: beyond both bounds)")
    axes.set_title(title)
    axes.legend(loc="lower right")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
    return stream.getvalue()
