"""One look: a window of the prediction log against the reference, from rows to verdict to pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from monitoring.detectors.bias import detect_bias
from monitoring.detectors.drift import Comparison, detect_drift
from monitoring.detectors.performance import Measured, detect_performance, enough_labels, measure
from monitoring.detectors.usable import detect_unusable
from monitoring.findings import Finding
from monitoring.sides import Side, side_of
from monitoring.verdict import causes, decide
from monitoring.windows import Window
from radloop.errors import ConfigurationError
from radloop.files import replacing
from radloop.params import Classification
from radloop.records import Verdict

#: How the false alarm rate is shared out where labels came; without labels drift has all of it.
BUDGET = {"drift": 0.6, "performance": 0.2, "bias": 0.2}

SIMULATED = "SIMULATED. Every patient, scanner and image in these figures is invented."


@dataclass(frozen=True)
class Look:
    """All that was seen, before it is written down."""

    case: Classification
    window: Window
    reference_side: Side
    window_side: Side
    about: Mapping[str, Any]
    findings: list[Finding]
    measured: list[Measured]
    verdict: Verdict
    sentence: str
    rates: Mapping[str, float]
    created: datetime

    @property
    def causes(self) -> list[Finding]:
        """Alarms, one per column, the one to act on first."""
        return causes(self.findings)


@dataclass(frozen=True)
class MonitorReport:
    """The verdict and where its pages are; `causes` are plain dicts for events and artifacts."""

    verdict: Verdict
    sentence: str
    causes: list[dict[str, Any]]
    summary: Path
    drift: Path
    bias: Path
    json: Path
    index: Path

    @property
    def html(self) -> Path:
        """The page that people open first."""
        return self.summary


def monitor(
    case: Classification,
    window: Window,
    frame: pd.DataFrame,
    reference: pd.DataFrame,
    folder: Path,
    about: Mapping[str, Any],
) -> MonitorReport:
    """Compare a window of predictions with the reference, decide, and write the pages.

    `frame` and `reference`: columns of `records.Prediction` plus `label` (bool, null where unknown). `folder`:
    reports of this use case; the window's pages go to `folder/<window>_v<model version>/` and replace an earlier
    look at the same, and `folder/../index.html` lists all. `about`: model_version, bundle, data_note, links (title
    to address) and what else the pages should tell. Raises ConfigurationError for an empty reference.
    """
    from monitoring.reports.pages import write_pages  # matplotlib and evidently take seconds to import

    seen = look(case, window, frame, reference, about)
    target = folder / f"{window.slug}_v{_plain(about.get('model_version', ''))}"
    with replacing(target) as fresh:
        write_pages(seen, fresh)
    from monitoring.reports.index import write_index

    index = write_index(folder.parent)
    pages = {name: target / f"{name}.html" for name in ("summary", "drift", "bias")}
    found = [finding.to_json() for finding in seen.causes]
    return MonitorReport(seen.verdict, seen.sentence, found, **pages, json=target / "monitor.json", index=index)


def look(
    case: Classification,
    window: Window,
    frame: pd.DataFrame,
    reference: pd.DataFrame,
    about: Mapping[str, Any],
    seed: int = 0,
) -> Look:
    """Ask every detector and decide, without writing anything.

    Deterministic: the deals of patients follow from `seed`. Raises ConfigurationError for an empty reference and
    for fewer permutations than the false alarm rate needs.
    """
    if len(reference) == 0:
        raise ConfigurationError(
            f"the reference of {case.name} is empty, so nothing can be compared", "run the reference stage"
        )
    before, now = side_of(reference), side_of(frame)
    about = described(about, frame, (before, now))
    smallest = case.evaluate.smallest_group
    labelled = enough_labels(before, smallest) and enough_labels(now, smallest)
    whole = case.monitor.false_alarm_rate
    rates = {name: whole * share for name, share in BUDGET.items()} if labelled else {"drift": whole}
    check_reachable(rates["drift"], case.monitor.permutations)
    findings = detect_drift(Comparison(before, now, case.monitor, rates["drift"], seed))
    findings += detect_unusable(before, now, case)
    measured = measure(before, now, case) if labelled else []
    if labelled:
        findings += detect_performance(measured, case, rates["performance"])
        findings += detect_bias(before, now, case, rates["bias"])
    verdict, sentence = decide(now.n, findings, case.monitor)
    return Look(case, window, before, now, about, findings, measured, verdict, sentence, rates, datetime.now(UTC))


def check_reachable(rate: float, permutations: int) -> None:
    """Refuse knobs under which no p-value could ever be small enough, for a deaf monitor looks healthy."""
    if rate * (permutations + 1) < 1:
        raise ConfigurationError(
            f"{permutations} permutations cannot show a false alarm rate of {rate:g}: no alarm could ever be raised",
            f"set monitor.permutations to at least {round(10 / rate)}",
        )


def described(about: Mapping[str, Any], frame: pd.DataFrame, sides: tuple[Side, Side]) -> dict[str, Any]:
    """`about` with the threshold in use and, where the scanners call themselves simulated, a note that says so."""
    makers = [maker.lower() for side in sides for maker in side.sketch.categories["manufacturer"].counts]
    made = any(maker.startswith("simulated") for maker in makers)
    note = {"data_note": SIMULATED} if made else {}
    threshold = {"threshold": round(float(frame["threshold"].iloc[-1]), 4)} if len(frame) else {}
    return {**note, **about, **threshold}


def _plain(version: object) -> str:
    """The number of a version that may be named `use_case/number`, safe as part of a folder's name."""
    return "".join(c for c in str(version).rsplit("/", 1)[-1] if c.isalnum() or c in ".-")[:20] or "unknown"
