"""Two snapshots as a picture: each share in both, with what chance allows around it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from radloop.evaluation.figures import BLUE, GREY, ORANGE, STYLE
from radloop.intervals import Interval
from radloop.snapshots.change import Change, Share

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def change_png(found: Change) -> bytes:
    """Draw a row for each category, headed by its characteristic; without a date, so equal data give equal bytes."""
    import matplotlib  # 0.5 s that only this picture needs
    from matplotlib.figure import Figure

    rows, headings = _rows(found.shares)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 1.3 + 0.27 * (len(rows) + len(headings))), layout="constrained")
        axes = figure.subplots()
        for place, share in rows.items():
            _draw(axes, place - 0.16, share.before, GREY, "o")
            _draw(axes, place + 0.16, share.after, ORANGE if share.apart else BLUE, "s")
        _label(axes, rows, headings)
        axes.plot([], [], "o-", color=GREY, label=f"before: {found.before.short}")
        axes.plot([], [], "s-", color=BLUE, label=f"after: {found.after.short}")
        axes.plot([], [], "s-", color=ORANGE, label="after, and the intervals do not meet")
        figure.legend(loc="outside upper center", ncols=3)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=130, metadata={"Software": None})
    return stream.getvalue()


def _rows(shares: tuple[Share, ...]) -> tuple[dict[int, Share], dict[int, str]]:
    """The line of each share, and of the heading above each characteristic."""
    rows: dict[int, Share] = {}
    headings: dict[int, str] = {}
    for share in shares:
        if share.characteristic not in headings.values():
            headings[len(rows) + len(headings)] = share.characteristic
        rows[len(rows) + len(headings)] = share
    return rows, headings


def _draw(axes: Axes, place: float, interval: Interval, colour: str, mark: str) -> None:
    if interval.value is None or interval.low is None or interval.high is None:
        return
    axes.plot([interval.low, interval.high], [place, place], color=colour, linewidth=1.6)
    axes.plot(interval.value, place, mark, color=colour, markersize=4.5)


def _label(axes: Axes, rows: dict[int, Share], headings: dict[int, str]) -> None:
    names = [share.category for share in rows.values()]
    axes.set_yticks([*rows, *headings], [*names, *(name.capitalize() for name in headings.values())])
    for tick in axes.get_yticklabels()[len(names) :]:
        tick.set_fontweight("bold")
    axes.set_ylim(len(rows) + len(headings) - 0.4, -0.6)
    axes.set_xlim(-0.01, 1.01)
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.set_xlabel("share of images, with its 95 % interval")
    axes.grid(axis="y", visible=False)
