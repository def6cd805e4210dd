"""What a drift test saw, in one line that a radiologist can read."""

from __future__ import annotations

from monitoring.columns import MISSING, OTHER, Watched
from monitoring.sides import Side


def percent(share: float) -> str:
    """A share as people say it; small ones keep a digit so that they do not read as none."""
    return f"{100 * share:.1f} %" if 0 < share < 0.0095 or 0.9905 < share < 1 else f"{100 * share:.0f} %"


def said(column: Watched | None, kind: str, value: str | None, sides: tuple[Side, Side], effect: float) -> str:
    """One line for one test, with the exact numbers of both sides."""
    if column is None:
        how = "further from" if effect > 0 else "closer to"
        if kind == "mean_shift":
            return f"the mean embedding moved by {effect:.2f} standard deviations"
        return f"embeddings lie {abs(effect):.2f} standard deviations {how} the common centre"
    if kind in ("location", "spread"):
        return _number(column, kind, sides)
    reference, window = (share_of(column, value, side) for side in sides)
    if kind == "new":
        return f"new value ‘{value}’ in {percent(window)} of images, never in the reference"
    what = {MISSING: "not told", OTHER: "rarer values"}.get(str(value), f"‘{value}’")
    subject = f"{what}: " if column.name not in ("decision", "label") else ""
    return f"{subject}{percent(reference)} → {percent(window)} of {_whole(column)}"


def _whole(column: Watched) -> str:
    return "labelled images" if column.name == "label" else "images"


def share_of(column: Watched, value: str | None, side: Side) -> float:
    """Share of images with a value, of all images; for the label, of those that have one."""
    if column.numeric:
        histogram = side.sketch.numbers[column.name]
        return histogram.missing / max(side.n, 1)
    counts = side.sketch.categories[column.name]
    if value == MISSING:
        return counts.missing / max(side.n, 1)
    if column.name == "label":
        return counts.counts.get("yes", 0) / max(counts.n, 1)
    return counts.share(str(value))


def _number(column: Watched, kind: str, sides: tuple[Side, Side]) -> str:
    reference, window = (side.sketch.numbers[column.name] for side in sides)
    unit = f" {column.unit}" if column.unit else ""
    if kind == "location":
        return f"median {apart(reference.quantile(0.5), window.quantile(0.5))}{unit}"
    return f"standard deviation {apart(reference.moments.std, window.moments.std)}{unit}"


def apart(before: float, after: float) -> str:
    """Two numbers with as many digits as tell them apart, three at least and six at most."""
    pairs = [(f"{before:.{digits}g}", f"{after:.{digits}g}") for digits in range(3, 7)]
    return " → ".join(next((pair for pair in pairs if pair[0] != pair[1]), pairs[0]))
