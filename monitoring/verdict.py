"""From findings to a verdict: a table of rules, read from the top, of which the first that holds decides.

    stop      labelled performance is credibly below the floor, or too many images are unlike any known
    watch     too few predictions to say anything
    retrain   the model was touched: its embedding, its answers, its performance or its fairness moved
    watch     something else moved: machines, patients, images or prevalence
    healthy   nothing moved by more than chance and by enough to matter

A person decides what follows from a verdict; the words say what radloop would do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from monitoring.columns import BY_NAME
from monitoring.findings import Finding, alarms
from radloop.params import Monitor
from radloop.records import Verdict

#: Streams that say that the model itself is touched, not only what surrounds it.
MODEL_STREAMS = frozenset({"embedding", "score", "performance", "bias"})
#: Causes that a sentence names; the table under it has them all.
NAMED = 4


@dataclass(frozen=True)
class Seen:
    """What the rules look at."""

    n: int
    alarms: tuple[Finding, ...]
    knobs: Monitor

    def kinds(self, *kinds: str) -> bool:
        """True when an alarm of one of these kinds was raised."""
        return any(alarm.kind in kinds for alarm in self.alarms)


@dataclass(frozen=True)
class Rule:
    """A verdict, when it holds, and how its sentence begins."""

    verdict: Verdict
    holds: Callable[[Seen], bool]
    because: str


RULES = (
    Rule(Verdict.STOP, lambda s: s.kinds("floor"), "Stop: the model is credibly worse than its floor"),
    Rule(Verdict.STOP, lambda s: s.kinds("unusable"), "Stop: too many images are nothing that the model knows"),
    Rule(Verdict.WATCH, lambda s: s.n < s.knobs.smallest_window, "Watch: too few predictions to judge"),
    Rule(
        Verdict.RETRAIN,
        lambda s: any(a.stream in MODEL_STREAMS for a in s.alarms),
        "Retrain: what the model sees or says has changed",
    ),
    Rule(Verdict.WATCH, lambda s: bool(s.alarms), "Watch: the surroundings changed, the model's answers did not"),
    Rule(Verdict.HEALTHY, lambda s: True, "Healthy: nothing moved by more than chance and by enough to matter"),
)


def decide(n: int, findings: list[Finding], knobs: Monitor) -> tuple[Verdict, str]:
    """The verdict on a window of `n` predictions, and one sentence why that names the top causes."""
    seen = Seen(n, tuple(alarms(findings)), knobs)
    rule = next(rule for rule in RULES if rule.holds(seen))
    named = [f"{title(f)} ({f.what})" for f in top(causes(findings))]
    if rule.verdict is Verdict.WATCH and n < knobs.smallest_window:
        named.insert(0, f"{n} predictions, {knobs.smallest_window} needed")
    return rule.verdict, f"{rule.because}: {'; '.join(named)}." if named else f"{rule.because}."


def causes(findings: list[Finding]) -> list[Finding]:
    """Alarms, one per column: the first is the one to act on."""
    first: dict[tuple[str, str], Finding] = {}
    for alarm in alarms(findings):
        first.setdefault((alarm.stream, alarm.column), alarm)
    return list(first.values())


def top(found: list[Finding]) -> list[Finding]:
    """The first cause of each stream, at most `NAMED`: maker, model and software are one story."""
    first: dict[str, Finding] = {}
    for finding in found:
        first.setdefault(finding.stream, finding)
    return list(first.values())[:NAMED]


def title(finding: Finding) -> str:
    """What people call the column of a finding."""
    if finding.column in BY_NAME:
        return BY_NAME[finding.column].title
    return {"auroc": "AUROC", "age_band": "age"}.get(finding.column, finding.column.replace("_", " "))
