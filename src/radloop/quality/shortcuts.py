"""The shortcut probe: can metadata alone tell the label, before any model has learnt to look at them?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from radloop.intervals import Interval, auroc_interval
from radloop.params import UseCase
from radloop.quality.metadata import cross_validated_scores

#: Of the interval, and the cases of either class below which no figure is given.
CONFIDENCE, SMALLEST = 0.95, 10


@dataclass(frozen=True)
class Probe:
    """AUROC of metadata alone, None where there are too few cases; `warns` where it reaches the knob."""

    auroc: Interval | None
    warns: bool
    rule: str

    def to_json(self) -> dict[str, Any]:
        """As summary.json keeps it."""
        return {"auroc": asdict(self.auroc) if self.auroc else None, "warns": self.warns, "rule": self.rule}

    def told(self) -> str:
        """One sentence for Data Docs."""
        seen = "there are too few labelled patients to tell" if self.auroc is None else f"AUROC {self.auroc}"
        return f"Metadata alone against the label, cross-validated by patient: {seen} (severity warn: {self.rule})."


def shortcut_probe(case: UseCase, accepted: pd.DataFrame) -> Probe:
    """Ask whether who was imaged, how and where predicts the finding, by models that never saw the patient.

    It warns and never stops: a link of age and disease may be true, and a person has to say. `accepted`: Stored
    columns.
    """
    limit = case.validate_.shortcut_warning
    rule = f"below {limit:g}"
    known = accepted[np.array([found is not None for found in accepted["findings"]], bool)]
    labels = known["findings"].map(lambda found: case.task.finding in found).to_numpy(dtype=bool)
    patients = known["patient_id"].to_numpy()
    if min(labels.sum(), (~labels).sum()) < SMALLEST:
        return Probe(None, False, rule)
    scores = cross_validated_scores(known, labels, patients, seed=0)
    if scores is None:
        return Probe(None, False, rule)
    auroc = auroc_interval(labels, scores, patients, CONFIDENCE, SMALLEST)
    return Probe(auroc, auroc.value is not None and auroc.value >= limit, rule)
