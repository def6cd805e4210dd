"""A finding: one thing that a look asked, what it saw, and how much that weighs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from monitoring.columns import WATCHED, Stream

#: alarm: beyond chance and large enough to matter; change: beyond chance only; note: worth reading, proves
#: nothing; same: neither.
Grade = Literal["alarm", "change", "note", "same"]


@dataclass(frozen=True)
class Finding:
    """The answer to one question about one column.

    `p` is adjusted for every test of its family, so it compares directly with the family's rate. `effect` is
    a change of share (kinds level, missing, rate), a shift in standard deviations (location, distance,
    mean_shift), a logarithm of a ratio of standard deviations (spread), or a difference of AUROC, sensitivity
    or specificity.
    """

    stream: Stream
    column: str
    kind: str
    what: str
    effect: float
    grade: Grade
    value: str | None = None
    p: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


#: Streams in the order in which people act on them: harm first, then causes, then what the model made of them.
ORDER: tuple[Stream, ...] = (
    "performance", "bias", "acquisition", "population", "prevalence", "image", "embedding", "score",
)  # fmt: skip
#: A change of a share of 0.05 weighs like a shift of 0.2 standard deviations.
_SHARES_WEIGH = 4.0


def alarms(findings: Iterable[Finding]) -> list[Finding]:
    """The alarms, what people can act on first: what stops serving, then by stream, new values, larger effects."""

    names = [column.name for column in WATCHED]

    def rank(finding: Finding) -> tuple[bool, int, bool, float]:
        stops, new = finding.kind in ("unusable", "floor"), finding.kind == "new"
        weight = abs(finding.effect) * (_SHARES_WEIGH if finding.kind in ("level", "missing") else 1.0)
        # a new maker brings its models and software along: the maker is the one to name
        return not stops, ORDER.index(finding.stream), not new, names.index(finding.column) if new else -weight

    return sorted((finding for finding in findings if finding.grade == "alarm"), key=rank)
