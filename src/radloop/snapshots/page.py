"""Two snapshots as one HTML page that needs nothing else: who came and went, the picture, every figure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from radloop.evaluation.report import page_of
from radloop.files import write_text
from radloop.intervals import Interval
from radloop.snapshots.change import Change, Share
from radloop.snapshots.history import Version
from radloop.snapshots.picture import change_png


def write_page(found: Change, reports: Path) -> Path:
    """Write the page below `reports`, named by both snapshots, and return its path."""
    names = f"{found.before.use_case}-{found.before.short}-{found.after.short}.html"
    path = reports / "data_diff" / names
    write_text(path, change_page(found))
    return path


def change_page(found: Change) -> str:
    """The page as HTML, with its picture in it; counts and shares only, no pseudonym of a patient."""
    title = f"What changed in the data: {found.title}"
    picture = base64.b64encode(change_png(found)).decode()
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">Before: {_name(found.before)}<br>After: {_name(found.after)}</p>',
        f'<div class="tiles">{_tiles(found)}</div>',
        f'<div class="verdict {"closed" if apart(found) else "open"}">{escape(sentence(found))}</div>',
        "<h2>Who is in it</h2>",
        f'<div class="wide"><img alt="shares before and after" src="data:image/png;base64,{picture}"></div>',
        "<h2>Figures</h2>",
        _table(found.shares),
        '<p class="soft small">Shares of images; prevalence: of labelled images. Wilson intervals at 95 %, widened '
        "where images of one patient agree. The two snapshots mostly share images, so intervals that do not meet are "
        "a strong hint, and intervals that meet are no proof of likeness.</p>",
    ]
    return page_of(title, parts)


def apart(found: Change) -> list[Share]:
    """The shares whose intervals do not meet."""
    return [share for share in found.shares if share.apart]


def sentence(found: Change) -> str:
    """The finding in one sentence."""
    if not apart(found):
        return "No share has moved beyond both intervals."
    names = ", ".join(f"{share.characteristic} {share.category}" for share in apart(found))
    return f"Moved beyond both intervals: {names}."


def percent(interval: Interval) -> str:
    """Count, share and interval, for people: 12 of 40 (30.0 %, 18.1 to 45.4)."""
    if interval.value is None or interval.low is None or interval.high is None:
        return interval.note or "unknown"
    low, high = 100 * interval.low, 100 * interval.high
    return f"{interval.positives} of {interval.n} ({interval.value:.1%}, {low:.1f} to {high:.1f})"


def _name(version: Version) -> str:
    return (
        f"snapshot <code>{escape(version.md5)}</code> of {version.when:%Y-%m-%d %H:%M}, "
        f"commit <code>{escape(version.commit[:12])}</code>"
    )


def _tiles(found: Change) -> str:
    tiles = [(one.kind, f"{one.after}", f"{one.before} before, {one.came} in, {one.left} out") for one in found.moved]
    tiles.append(("relabelled", f"{found.relabelled}", "instances whose findings changed"))
    return "".join(
        f'<div class="tile"><span class="soft small">{name}</span><b>{value}</b>'
        f'<span class="soft small">{how}</span></div>'
        for name, value, how in tiles
    )


def _table(shares: Iterable[Share]) -> str:
    heads = ("", "before", "after", "points", "intervals")
    rows, previous = [_row("th", heads)], ""
    for share in shares:
        if share.characteristic != previous:
            previous = share.characteristic
            rows.append(f'<tr class="head"><td colspan="{len(heads)}">{previous.capitalize()}</td></tr>')
        mark = '<span class="no">do not meet</span>' if share.apart else ""
        cells = (escape(share.category), percent(share.before), percent(share.after), points(share), mark)
        rows.append(_row("td", cells))
    return f"<table>{''.join(rows)}</table>"


def points(share: Share) -> str:
    """By how many percentage points a share moved, signed."""
    if share.before.value is None or share.after.value is None:
        return ""
    return f"{100 * (share.after.value - share.before.value):+.1f}"


def _row(tag: str, cells: Sequence[str]) -> str:
    numbers = (1, 2, 3)
    return (
        "<tr>"
        + "".join(f"<{tag}{' class=n' if i in numbers else ''}>{text}</{tag}>" for i, text in enumerate(cells))
        + "</tr>"
    )
