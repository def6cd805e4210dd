"""A finding: one thing that a look asked, what it saw, and how much that weighs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from monitoring.columns import Stream

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


def alarms(findings: Iterable[Finding]) -> list[Finding]:
    """The alarms, what people can act on first: a new value before a shifted one, a cause before its effects."""
    order = ("unusable", "floor", "new", "level", "drop", "gap", "missing", "location", "spread")
    streams = ("performance", "bias", "acquisition", "population", "prevalence", "image", "embedding", "score")

    def rank(finding: Finding) -> tuple[int, int, float, float]:
        kind = order.index(finding.kind) if finding.kind in order else len(order)
        first = 0 if finding.kind in ("unusable", "floor") else 1
        stream = streams.index(finding.stream)
        return first, stream, kind if finding.kind == "new" else len(order), -abs(finding.effect)

    return sorted((f for f in findings if f.grade == "alarm"), key=rank)
