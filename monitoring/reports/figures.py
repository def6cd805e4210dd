"""Small figures of the summary page, as SVG text that goes straight into the HTML."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from monitoring.columns import BY_NAME, DEMOGRAPHIC, GRIDS, SMALLEST_CELL
from monitoring.sides import Side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Wong's colours (Nature Methods 2011), told apart by the colour-blind; the hatch tells them apart in print.
REFERENCE, WINDOW = "#9aa5b1", "#0b5c94"
_STYLE: Any = {"svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif", "svg.hashsalt": "radloop"}
#: Category values drawn one by one.
_BARS = 6
#: Bins of a drawn number, about.
_BINS = 20


def category_bars(column: str, reference: Side, window: Side) -> str:
    """Share of every value on both sides, the most frequent first; demographic cells below 10 are left out."""
    sides = [side.sketch.categories[column] for side in (reference, window)]
    least = SMALLEST_CELL if column in DEMOGRAPHIC else 1
    names = {n for counts in sides for n, count in counts.counts.items() if count >= least}
    order = sorted(names, key=lambda n: -max(counts.share(n) for counts in sides))[:_BARS]
    shares = [[c.share(n) if c.counts.get(n, 0) >= least else 0.0 for n in order] for c in sides]
    for values, counts in zip(shares, sides, strict=True):
        values.append(counts.missing / max(counts.n + counts.missing, 1))
    labels = [*(n if len(n) <= 22 else n[:21] + "…" for n in order), "not told"]
    if max(values[-1] for values in shares) == 0:
        labels, shares = labels[:-1], [values[:-1] for values in shares]
    figure, axes = _axes(0.5 + 0.38 * max(len(labels), 2))
    _pairs(axes, labels, shares)
    return _svg(figure)


def _pairs(axes: Axes, labels: list[str], shares: Sequence[Sequence[float]]) -> None:
    at = np.arange(len(labels))
    for values, offset, colour, name in zip(
        shares, (-0.19, 0.19), (REFERENCE, WINDOW), ("reference", "window"), strict=True
    ):
        axes.barh(at + offset, [100 * v for v in values], 0.36, color=colour, label=name)
        for y, value in zip(at + offset, values, strict=True):
            axes.text(100 * value + 1, y, f"{100 * value:.0f} %", va="center", fontsize=8, color="#1d2733")
    axes.set_yticks(at, labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 112)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.legend(frameon=False, loc="lower right", fontsize=8)


def number_histogram(column: str, reference: Side, window: Side, line: float | None = None) -> str:
    """Share of images per bin on both sides, from the sketches; demographic cells below 10 are left out."""
    edges = drawn_edges(column, reference, window)
    figure, axes = _axes(2.3)
    for side, colour, name in ((reference, REFERENCE, "reference"), (window, WINDOW, "window")):
        shares = _shares(column, side, edges)
        if name == "reference":
            axes.stairs(shares, edges, color=colour, fill=True, alpha=0.55, label=name)
        else:
            axes.stairs(shares, edges, color=colour, linewidth=2, label=name)
    if line is not None:
        axes.axvline(line, color="#a83a00", linestyle="--", linewidth=1.2, label="threshold")
    unit = BY_NAME[column].unit if column in BY_NAME else ""
    axes.set_xlabel(f"{column}{f' ({unit})' if unit else ''}")
    axes.set_ylabel("% of images")
    axes.legend(frameon=False, fontsize=8)
    return _svg(figure)


def drawn_edges(column: str, reference: Side, window: Side) -> np.ndarray:
    """About twenty bins over the used part of a column's grid, its own edges; tens of years for an age."""
    grid = GRIDS[column]
    if column in DEMOGRAPHIC:
        return grid.edges[::5]
    counts = sum(np.asarray(side.sketch.numbers[column].counts[1:-1]) for side in (reference, window))
    used = np.flatnonzero(counts)
    first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, grid.bins)
    step = max(1, (last - first) // _BINS)
    return grid.edges[first : min(last + step, grid.bins) + 1 : step]


def _shares(column: str, side: Side, edges: np.ndarray) -> np.ndarray:
    histogram = side.sketch.numbers[column]
    middle = (histogram.grid.edges[1:] + histogram.grid.edges[:-1]) / 2
    counts = np.histogram(middle, edges, weights=np.asarray(histogram.counts[1:-1], dtype=float))[0]
    if column in DEMOGRAPHIC:
        counts[counts < SMALLEST_CELL] = 0
    return np.asarray(100 * counts / max(histogram.n, 1))


def forest(rows: Sequence[dict[str, Any]], xlabel: str) -> str:
    """Intervals of groups: each row has `name`, `value`, `low`, `high`, `n`; a row without a value says "too few"."""
    figure, axes = _axes(0.6 + 0.27 * max(len(rows), 2))
    for y, row in enumerate(rows):
        if row["value"] is None:
            axes.text(0.02, y, "too few", va="center", fontsize=8, color="#5b6775")
            continue
        low, high = row["low"], row["high"]
        axes.plot([low, high], [y, y], color=row.get("colour", WINDOW), linewidth=2, solid_capstyle="butt")
        axes.plot(row["value"], y, "o", color=row.get("colour", WINDOW), markersize=5)
    axes.set_yticks(range(len(rows)), [f"{row['name']}  (n {row['n']})" for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.grid(axis="x", color="#dfe4ea")
    axes.set_xlabel(xlabel)
    return _svg(figure)


def daily(window: Side) -> str:
    """Images per day and the share of positive decisions, from the sketches of the days."""
    figure, axes = _axes(2.3)
    days = list(window.days)
    counts = [window.days[day].n for day in days]
    axes.bar(range(len(days)), counts, color="#cfd8e1", label="images")
    axes.set_ylabel("images")
    axes.set_xticks(range(0, len(days), max(1, len(days) // 6)), [d[5:] for d in days[:: max(1, len(days) // 6)]])
    twin = axes.twinx()
    shares = [100 * window.days[day].share("yes") for day in days]
    twin.plot(range(len(days)), shares, color=WINDOW, marker="o", markersize=3, linewidth=1.3)
    twin.set_ylim(0, 100)
    twin.set_ylabel("% positive decisions", color=WINDOW)
    twin.spines[["top", "left"]].set_visible(False)
    return _svg(figure)


def _axes(height: float) -> tuple[Figure, Axes]:
    from matplotlib import rc_context  # half a second to import
    from matplotlib.figure import Figure as Canvas

    with rc_context(_STYLE):
        figure = Canvas(figsize=(5.4, height), layout="constrained")
        axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    from matplotlib import rc_context

    stream = io.StringIO()
    with rc_context(_STYLE):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = stream.getvalue()
    return text[text.index("<svg") :].replace("<svg", '<svg role="img"', 1)
