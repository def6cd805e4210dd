"""The self-test as one HTML page for an auditor: the verdict first, then the score, then every failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from pydicom.datadict import keyword_for_tag

from radloop.evaluation.report import page_of
from radloop.intervals import Interval
from radloop.sections.intake import Deidentify
from radloop.selftest.judging import Judged
from radloop.selftest.scoring import GOAL, Score, rows_of

SHOWN = 200
_EXTRA = "td{overflow-wrap:anywhere}td:first-child{min-width:12em}code{color:var(--soft)}"


def write_page(score: Score, traces: Mapping[str, set[str]], told: Mapping[str, int], knobs: Deidentify) -> str:
    """The page as HTML that needs nothing else; every person on it is invented."""
    good = score.share >= GOAL and not traces
    verdict = (
        f"{'Passed' if good else 'Failed'}: {score.share:.3%} of {len(score.of()):,} required actions rightly done "
        f"(asked: {GOAL:.1%}); {sum(map(len, traces.values()))} planted strings were found in {told['searched']} "
        "stored files (asked: 0)."
    )
    parts = [
        "<h1>Self-test of de-identification</h1>",
        f'<p class="soft">{told["patients"]} invented patients in {told["files"]} DICOM files, seed {told["seed"]}; '
        "identities planted in attributes, private data, sequences, free text in six character sets, UIDs, dates, "
        "file names and pixels. The answer key comes from the table of PS3.15 Annex E. No person here exists.</p>",
        f'<div class="verdict {"open" if good else "closed"}">{escape(verdict)}</div>',
        "<h2>Score by category</h2>",
        _table(["Category", "Required", "Done", "Share (95% interval, patient as unit)"], map(_row, rows_of(score))),
        "<h2>Text in pixels: how it was hidden</h2>", _hidden(score),
        "<h2>Planted beyond what the profile claims</h2>",
        '<p class="small">Not in the score, because nobody promised it; told, because it happens.</p>', _beyond(score),
        f"<h2>Failures ({len(score.failures())})</h2>", _failures(score.failures()),
        "<h2>Planted strings found in what was stored</h2>",
        _table(["File", "Strings"], ([escape(file), escape(", ".join(sorted(it)))] for file, it in traces.items())),
        "<h2>The declared profile</h2>",
        _table(["Knob", "Value"], ([escape(name), escape(_knob(value))] for name, value in knobs.model_dump().items())),
    ]  # fmt: skip
    return page_of("Self-test of de-identification", parts, _EXTRA)


def _row(row: tuple[str, int, int, Interval]) -> list[str]:
    name, required, done, share = row
    return [escape(_said(name)), f"{required:,}", f"{done:,}", _percent(share)]


def _percent(share: Interval) -> str:
    """With three decimals: of ten thousand actions one failure shall be seen."""
    if share.value is None or share.low is None or share.high is None:
        return escape(str(share))
    return f"{share.value:.3%} ({share.low:.1%} to {share.high:.1%})"


def _hidden(score: Score) -> str:
    ways = Counter(one.how if one.right else "still to be read" for one in score.of("pixels_hidden"))
    return _table(["What became of the object", "Objects"], ([way, str(n)] for way, n in sorted(ways.items())))


def _beyond(score: Score) -> str:
    kinds = Counter((one.action.category, one.action.path) for one in score.beyond())
    gone = Counter((one.action.category, one.action.path) for one in score.beyond() if one.right)
    rows = (
        [escape(_said(kind)), _where(path), f"{n:,}", f"{gone[kind, path]:,}"]
        for (kind, path), n in sorted(kinds.items())
    )
    return _table(["What should be true", "Where", "Planted", "Gone all the same"], rows)


def _failures(failures: Sequence[Judged]) -> str:
    rows = (
        [escape(_said(one.action.category)), _where(one.action.path), escape(_planted(one)),
         escape(one.observed)]
        for one in failures[:SHOWN]
    )  # fmt: skip
    return _table(["Category", "Where", "Planted", "Found instead"], rows)


def _planted(one: Judged) -> str:
    if one.action.category != "pixels_hidden":
        return one.action.planted
    left, top, right, bottom = one.action.planted.split(",")
    return f"text in columns {left} to {right}, rows {top} to {bottom}"


def _knob(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _said(category: str) -> str:
    return category.replace("_", " ").replace("uid", "UID").replace("patid", "PatientID").replace("notnull", "not null")


def _where(path: str) -> str:
    """Each level of a path by its keyword, the digits of the last beside it."""
    names = []
    for level in path.split("/"):
        tag, _, item = level.partition(".")
        name = keyword_for_tag(int(tag, 16)) or f"({tag[:4]},{tag[4:]})"
        names.append(f"{name}[{item}]" if item else name)
    last = path.rpartition("/")[2][:8]
    return f"{escape(' › '.join(names))} <code>({last[:4]},{last[4:]})</code>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns of numbers alone stand to the right."""
    lines = list(rows)
    if not lines:
        return '<p class="soft">None.</p>'
    kinds = [" class=n" if all(map(_is_number, column)) else "" for column in zip(*lines, strict=True)]
    top = "".join(f"<th{kind}>{head}</th>" for kind, head in zip(kinds, heads, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, line, strict=True)) + "</tr>"
        for line in lines
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").isdigit()
